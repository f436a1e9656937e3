//! The addresses of static files in pages.

/// The font of the pages. `scripts/font` makes it and `style/font.css` names it.
pub const FONT: &str = "/pkg/inter-4.1.woff2";

/// Version of the static files, used for cache busting. The server puts it into a page's context.
#[derive(Clone, Debug, Default)]
pub struct AssetVersion(pub String);

impl AssetVersion {
    /// The address of a file of the `public` folder. It changes when any file changes, so browsers
    /// may keep the file forever.
    pub fn address(&self, file: &str) -> String {
        format!("/{file}?v={}", self.0)
    }
}
