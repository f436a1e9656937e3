//! A multi-line text field. The only place that writes a `<textarea>`: Leptos does not escape its
//! content, so it is escaped here. Not for islands: in the browser the text would be escaped twice.

use leptos::prelude::*;

use super::field::{Description, Field};

/// A multi-line text field. The control's `id` and `name` are the field's name.
#[component]
pub fn TextArea(
    name: &'static str,
    label: &'static str,
    value: String,
    #[prop(into, optional)] hint: String,
    #[prop(default = 12)] rows: u32,
    error: Option<String>,
) -> impl IntoView {
    let described = Description::of(name, !hint.is_empty(), error.is_some());
    view! {
        <Field name label hint error=error>
            <textarea id=name name=name class="mono" rows=rows spellcheck="false"
                autocomplete="off"
                aria-describedby=described.described_by aria-invalid=described.invalid>
                {escaped(&value)}
            </textarea>
        </Field>
    }
}

/// The value as HTML. Browsers drop the first line break of a `<textarea>`, so one is added.
fn escaped(value: &str) -> String {
    format!("\n{}", html_escape::encode_text(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> String {
        let value = value.to_owned();
        let html = view! { <TextArea name="body" label="Body" value error=None/> }.to_html();
        let inside = html.split("<textarea").nth(1).unwrap().split_once('>').unwrap().1;
        inside.split("</textarea>").next().unwrap().to_owned()
    }

    #[test]
    fn markup_in_the_value_stays_text() {
        for payload in [
            "</textarea><script>window.pwned=1</script>",
            "</TEXTAREA ><img src=x onerror=alert(1)>",
            "&lt;/textarea&gt;<b>",
            "<!--</textarea>-->",
        ] {
            let inside = shown(payload);
            assert!(!inside.contains('<') && !inside.contains('>'), "{inside}");
            let read = inside.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            assert_eq!(read.trim_start_matches('\n'), payload, "it comes back as it was typed");
        }
    }

    #[test]
    fn line_breaks_at_the_beginning_are_kept() {
        assert_eq!(shown("\n\n{}"), "\n\n\n{}");
        assert_eq!(shown(""), "\n");
    }
}
