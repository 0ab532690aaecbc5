//! The strict check of answers.

use posthouse_contract::validate_answer;
use serde_json::json;

#[test]
fn answers_are_checked_without_conversion() {
    let id = "getV1Tokens";
    let good = json!({"account": "a", "total": 0, "page": 0, "pages": 1, "tokens": [], "ours": 1});
    validate_answer(id, 200, &good).unwrap();
    let bad = json!({"total": "0", "page": 0, "pages": 1, "tokens": {}});
    assert_eq!(validate_answer(id, 200, &bad).unwrap_err().len(), 2);
    assert!(validate_answer(id, 299, &good).is_err());
    assert!(validate_answer("nothing", 200, &good).is_err());
}

#[test]
fn failures_of_every_kind_are_declared() {
    for status in [413, 501, 502, 504] {
        let body = json!({"statusCode": status, "error": "x", "message": "y", "code": "Z"});
        validate_answer("getV1Stats", status, &body).unwrap();
        assert!(validate_answer("getV1Stats", status, &json!({})).is_err());
    }
}

#[test]
fn deliberate_changes_of_answers() {
    for path in [json!("*"), json!(["INBOX"]), json!(null)] {
        let account = json!({"account": "a", "type": "imap", "path": path});
        validate_answer("getV1AccountAccount", 200, &account).unwrap();
    }
    validate_answer("getV1Stats", 200, &json!({"redisPing": null})).unwrap();
    let wrong = json!({"account": "a", "type": "imap", "syncTime": "2024-01-01"});
    assert!(validate_answer("getV1AccountAccount", 200, &wrong).is_err());
    assert!(validate_answer("getV1AccountAccount", 200, &json!({"account": "a"})).is_err());
}

#[test]
fn every_declared_answer_can_be_checked() {
    for operation in posthouse_contract::operations() {
        for response in &operation.responses {
            let result = validate_answer(operation.id, response.status, &json!(null));
            if let Err(faults) = result {
                assert!(
                    faults[0].starts_with("answer"),
                    "{} {faults:?}",
                    operation.id
                );
            }
        }
    }
}
