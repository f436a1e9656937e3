//! Addresses of the portal's own pages: a path and what is asked of it. What is empty is left out,
//! so that a page has one address and not many.

use url::form_urlencoded::Serializer;

/// `path?name=value&...`, without the names whose values are empty.
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
    fn what_is_empty_is_left_out_and_the_rest_is_escaped() {
        assert_eq!(address("/a", &[]), "/a");
        assert_eq!(address("/a", &[("q", ""), ("state", "failed")]), "/a?state=failed");
        assert_eq!(address("/a", &[("q", "x&y=<é>")]), "/a?q=x%26y%3D%3C%C3%A9%3E");
    }
}
