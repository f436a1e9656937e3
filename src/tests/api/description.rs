//! The API description `openapi.json`. `make lint` checks the snapshot with validators and client
//! generators.

use serde_json::Value;
use service_hooks::http::api::v1::ROUTES;

use crate::support::{app::TestApp, db::TestDb};

async fn description() -> Value {
    let app = TestApp::start(TestDb::sqlite()).await;
    let (status, description) = app.api("", "GET", "/openapi.json", None).await;
    assert_eq!(status, 200, "no token is needed");
    description
}

/// The object, or the target of its `$ref`.
fn resolved<'a>(description: &'a Value, part: &'a Value) -> &'a Value {
    let pointer = part["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
    pointer.map_or(part, |pointer| description.pointer(pointer).expect(pointer))
}

/// A change of the API fails this test. Review the snapshot with `cargo insta review`, or accept it
/// with `INSTA_UPDATE=always`.
#[tokio::test(flavor = "multi_thread")]
async fn the_description_matches_its_snapshot() {
    insta::assert_json_snapshot!("openapi", description().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_described_with_its_problems() {
    let description = description().await;
    for (method, path, permission) in ROUTES.iter().filter(|(_, path, _)| *path != "/openapi.json")
    {
        let operation = &description["paths"][format!("/api/v1{path}")][method.to_lowercase()];
        assert!(operation.is_object(), "{method} {path} is not described");
        let permission = format!("`{}`", permission.unwrap());
        assert!(operation["description"].as_str().unwrap().contains(&permission), "{operation}");
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = resolved(&description, response);
            let problem = &response["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(
                problem == "#/components/schemas/Problem",
                status.starts_with(['4', '5']),
                "{method} {path}: {status}: {response}"
            );
        }
        for status in ["401", "403", "503"] {
            assert!(
                operation["responses"][status].is_object(),
                "{method} {path} does not describe {status}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_post_takes_an_idempotency_key() {
    let description = description().await;
    let paths = description["paths"].as_object().unwrap();
    let posts: Vec<_> = paths.iter().filter(|(_, path)| path["post"].is_object()).collect();
    assert!(posts.len() >= 6, "{}", posts.len());
    for (path, operations) in posts {
        let parameters = operations["post"]["parameters"].as_array().unwrap();
        let keys = parameters.iter().map(|parameter| resolved(&description, parameter));
        let keys = keys.filter(|parameter| parameter["name"] == "Idempotency-Key");
        assert_eq!(keys.count(), 1, "{path}");
    }
}
