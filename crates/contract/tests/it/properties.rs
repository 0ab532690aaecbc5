//! Whatever comes in, the validator answers, and what it lets through stays as it is.

use std::collections::BTreeSet;

use posthouse_contract::{Kind, MAX_FAULTS, RawInput, Schema, operations};
use proptest::prelude::*;
use serde_json::Value;

/// Every property name of every request, so that random objects reach into the schemas.
fn names() -> Vec<String> {
    fn collect(schema: &Schema, names: &mut BTreeSet<String>) {
        match &schema.kind {
            Kind::Object(rule) => {
                for property in &rule.properties {
                    names.insert(property.name.to_owned());
                    collect(&property.schema, names);
                }
            }
            Kind::Array(rule) => collect(&rule.items, names),
            Kind::AnyOf(alternatives) => alternatives.iter().for_each(|s| collect(s, names)),
            _ => {}
        }
    }
    let mut names = BTreeSet::new();
    for operation in operations() {
        operation
            .body
            .iter()
            .for_each(|schema| collect(schema, &mut names));
        names.extend(operation.query_parameters.iter().map(|p| p.name.to_owned()));
    }
    names.into_iter().collect()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[0-9]{1,20}",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.+Z-]{0,16})?",
        "[a-z]{1,6}@[a-z.-]{0,10}",
        "(https?|socks5|mailto):/{0,2}[a-z0-9.:@\\[\\]/-]{0,20}",
        Just("now".to_owned()),
        Just("true".to_owned()),
        Just("10.0.0.0/8".to_owned()),
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let names = names();
    leaf.prop_recursive(5, 60, 8, move |inner| {
        let key = prop_oneof![9 => proptest::sample::select(names.clone()), 1 => any::<String>()];
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => prop::collection::vec((key, inner), 0..8)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_validator_never_panics_and_is_stable(
        body in json(),
        value in text(),
        query in prop::collection::vec((proptest::sample::select(names()), text()), 0..4),
    ) {
        for operation in operations() {
            let path: Vec<(&str, String)> = operation
                .path_parameters
                .iter()
                .map(|parameter| (parameter.name, value.clone()))
                .collect();
            let check = |body: Value| operation.validate(RawInput {
                path: &path,
                query: &query,
                header: &|_| Some(value.clone()),
                body: Some(body),
            });
            match check(body.clone()) {
                Ok(valid) if operation.body.is_some() => {
                    // What was converted once is not converted again.
                    let again = check(valid.body.clone());
                    prop_assert_eq!(again.map(|again| again.body), Ok(valid.body));
                }
                Ok(_) => {}
                Err(faults) => {
                    prop_assert!(!faults.is_empty() && faults.len() <= MAX_FAULTS);
                    prop_assert!(faults.iter().all(|fault| fault.message.len() < 2000));
                }
            }
            // A body alone, so that faults elsewhere do not hide it.
            if operation.body.is_some() {
                let _ = operation.validate(RawInput {
                    path: &[],
                    query: &[],
                    header: &|_| None,
                    body: Some(body.clone()),
                });
            }
        }
    }
}
