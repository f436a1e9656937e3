//! URLs of the portal's pages: a path and a query string. Empty parameters are left out, so that
//! each page has one canonical URL.

use url::form_urlencoded::Serializer;

/// `path?name=value&...`, without empty parameters.
pub fn address(path: &str, query: &[(&str, &str)]) -> String {
    let mut serializer = Serializer::new(String::new());
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        serializer.append_pair(name, value);
    }
    let query = serializer.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn empty_parameters_are_left_out_and_values_are_escaped() {
        assert_eq!(address("/a", &[]), "/a");
        assert_eq!(address("/a", &[("q", ""), ("state", "failed")]), "/a?state=failed");
        assert_eq!(address("/a", &[("q", "x&y=<é>")]), "/a?q=x%26y%3D%3C%C3%A9%3E");
    }
}
