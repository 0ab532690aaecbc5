//! Stored templates, of accounts and shared.

use posthouse_model::{AccountId, Caller};
use serde_json::{Value, json};

use crate::support::{Ask, Hall, ask};

both!(
    a_template_is_made_shown_changed_and_deleted,
    a_bound_caller_reaches_its_own,
    all_of_an_account_go_on_demand,
    templates_are_searched_by_name_description_and_id,
);

async fn make(hall: &Hall, caller: &Caller, account: Value, name: &str) -> String {
    let body = json!({
        "account": account, "name": name, "description": "For tests", "format": "markdown",
        "content": { "subject": "Hi {{params.name}}", "text": "Text", "html": "# Title", "previewText": "" },
    });
    let made = hall
        .call_as(caller, "postV1TemplatesTemplate", ask().body(body))
        .await
        .unwrap();
    assert_eq!(made["created"], true);
    made["id"].as_str().unwrap().to_owned()
}

fn named(id: &str) -> Ask {
    ask().path("template", id)
}

async fn names(hall: &Hall, account: Option<&str>) -> Vec<String> {
    let query = account.map_or(ask(), |account| ask().query("account", account));
    let page = hall.call("getV1Templates", query).await.unwrap();
    assert_eq!(page["account"], json!(account));
    let list = page["templates"].as_array().unwrap();
    list.iter()
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn a_template_is_made_shown_changed_and_deleted(hall: &Hall) {
    hall.sending_account("ann").await;
    let own = make(hall, &Caller::system(), json!("ann"), "own").await;
    let shared = make(hall, &Caller::system(), Value::Null, "shared").await;
    let other = make(hall, &Caller::system(), json!("ann"), "other").await;
    assert_eq!(names(hall, Some("ann")).await, ["own", "other"]);
    assert_eq!(names(hall, None).await, ["shared"]);
    assert!(own != other && own.starts_with(&shared[..6]));

    let get = || hall.call("getV1TemplatesTemplateTemplate", named(&own));
    let template = get().await.unwrap();
    assert_eq!(
        (&template["id"], &template["account"]),
        (&json!(own), &json!("ann"))
    );
    assert_eq!(
        (&template["name"], &template["format"]),
        (&json!("own"), &json!("markdown"))
    );
    assert_eq!(
        template["content"],
        json!({ "subject": "Hi {{params.name}}", "text": "Text", "html": "# Title" })
    );
    let change = json!({ "name": "renamed", "description": "", "content": { "text": "", "html": "<b>{{x}}</b>" } });
    let changed = hall
        .call("putV1TemplatesTemplateTemplate", named(&own).body(change))
        .await
        .unwrap();
    assert_eq!(
        changed,
        json!({ "updated": true, "account": "ann", "id": own })
    );
    let after = get().await.unwrap();
    assert_eq!(
        after["content"],
        json!({ "subject": "Hi {{params.name}}", "html": "<b>{{x}}</b>" })
    );
    assert_eq!(
        (&after["name"], after.get("description")),
        (&json!("renamed"), None)
    );
    assert_eq!(after["format"], "markdown", "what is not given stays");
    assert_eq!(after["created"], template["created"]);
    assert!(after["updated"].as_str() > template["updated"].as_str());

    let deleted = hall
        .call("deleteV1TemplatesTemplateTemplate", named(&own))
        .await
        .unwrap();
    assert_eq!(
        deleted,
        json!({ "deleted": true, "account": "ann", "id": own })
    );
    let gone = get().await.unwrap_err();
    assert_eq!(
        (gone.status, gone.code_str()),
        (404, Some("TemplateNotFound"))
    );
    let lost = json!({ "account": "nobody", "name": "x", "content": {} });
    let lost = hall.call("postV1TemplatesTemplate", ask().body(lost)).await;
    assert_eq!(lost.unwrap_err().status, 404);
}

async fn a_bound_caller_reaches_its_own(hall: &Hall) {
    hall.sending_account("ann").await;
    hall.sending_account("bob").await;
    let bound = Caller {
        account: Some(AccountId::new("ann")),
        ..Caller::system()
    };
    // Whatever it says.
    let own = make(hall, &bound, json!("bob"), "own").await;
    assert_eq!(names(hall, Some("ann")).await, ["own"]);
    let shared = make(hall, &Caller::system(), Value::Null, "shared").await;
    let strange = make(hall, &Caller::system(), json!("bob"), "strange").await;
    let get = "getV1TemplatesTemplateTemplate";
    hall.call_as(&bound, get, named(&own)).await.unwrap();
    for (id, more) in [(&shared, None), (&strange, Some(json!({ "name": "mine" })))] {
        let operations: &[&str] = match more {
            None => &[get, "deleteV1TemplatesTemplateTemplate"],
            Some(_) => &["putV1TemplatesTemplateTemplate"],
        };
        for operation in operations {
            let mut asked = named(id);
            asked.body.clone_from(&more);
            let refused = hall.call_as(&bound, operation, asked).await.unwrap_err();
            assert_eq!(refused.status, 403, "{operation}");
        }
    }
    assert_eq!(names(hall, Some("bob")).await, ["strange"]);
}

async fn all_of_an_account_go_on_demand(hall: &Hall) {
    hall.sending_account("ann").await;
    make(hall, &Caller::system(), json!("ann"), "own").await;
    make(hall, &Caller::system(), Value::Null, "shared").await;
    let flush = |ask: Ask| {
        hall.call(
            "deleteV1TemplatesAccountAccount",
            ask.path("account", "ann"),
        )
    };
    let refused = flush(ask()).await.unwrap_err();
    assert_eq!(
        (refused.status, refused.code_str()),
        (400, Some("ForceRequired"))
    );
    assert_eq!(names(hall, Some("ann")).await, ["own"]);
    let done = flush(ask().query("force", "true")).await.unwrap();
    assert_eq!(done, json!({ "flushed": true, "account": "ann" }));
    assert!(names(hall, Some("ann")).await.is_empty());
    // An account takes its templates with it.
    make(hall, &Caller::system(), json!("ann"), "own").await;
    let gone = ask().path("account", "ann");
    hall.call("deleteV1AccountAccount", gone).await.unwrap();
    hall.sending_account("ann").await;
    assert!(names(hall, Some("ann")).await.is_empty());
    assert_eq!(names(hall, None).await, ["shared"]);
}

async fn templates_are_searched_by_name_description_and_id(hall: &Hall) {
    let system = Caller::system();
    let id = make(hall, &system, Value::Null, "Grüße").await;
    make(hall, &system, Value::Null, "Other").await;
    for (query, total) in [
        ("", 2),
        ("GRü", 1),
        ("for tests", 2),
        (id.as_str(), 1),
        ("nothing", 0),
    ] {
        let found = hall
            .app
            .console_templates(None, query, 0, 50)
            .await
            .unwrap();
        assert_eq!(found["total"], total, "{query}");
    }
    // What was renamed is found by its new name.
    let body = json!({ "name": "Anders" });
    hall.call("putV1TemplatesTemplateTemplate", named(&id).body(body))
        .await
        .unwrap();
    for (query, total) in [("grü", 0), ("anders", 1)] {
        let found = hall
            .app
            .console_templates(None, query, 0, 50)
            .await
            .unwrap();
        assert_eq!(found["total"], total, "{query}");
    }
}
