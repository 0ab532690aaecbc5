//! Errors carry the user's own lines.

use posthouse_script::{ErrorKind, Stage};

use crate::support::{filter, map, pool};

#[tokio::test]
async fn a_thrown_error_says_where() {
    let pool = pool();
    let body =
        "const f = (x) => {\n  return x.a.b;\n};\nfunction named() {\n  f(payload);\n}\nnamed();";
    let error = map(&pool, body).await.unwrap_err();
    assert_eq!(
        (error.kind, error.stage, error.name.as_str()),
        (ErrorKind::Thrown, Some(Stage::Map), "TypeError")
    );
    assert!(error.message.contains("undefined"), "{error}");
    let places: Vec<_> = error
        .stack
        .iter()
        .map(|frame| (frame.function.as_deref(), frame.line))
        .collect();
    assert_eq!(places, [(Some("f"), 2), (Some("named"), 5), (None, 7)]);

    let error = map(&pool, "throw new RangeError('first line')")
        .await
        .unwrap_err();
    assert_eq!(
        (error.name.as_str(), error.message.as_str()),
        ("RangeError", "first line")
    );
    let (line, column) = error.position().unwrap();
    assert_eq!(line, 1);
    assert!((5..=12).contains(&column), "{column}");
    assert_eq!(
        error.to_string(),
        format!("map: RangeError: first line (line 1, column {column})")
    );
}

#[tokio::test]
async fn anything_can_be_thrown() {
    let pool = pool();
    for (body, name, message) in [
        ("throw 'text'", "Error", "text"),
        ("throw { a: 1 }", "Error", r#"{"a":1}"#),
        ("throw null", "Error", "null"),
        ("throw undefined", "Error", "undefined"),
        ("return Promise.reject(5)", "Error", "5"),
        (
            "await (async () => { throw new URIError('later') })()",
            "URIError",
            "later",
        ),
        (
            "class Own extends Error { constructor(m) { super(m); this.name = 'Own' } }; throw new Own('mine')",
            "Own",
            "mine",
        ),
        (
            "const e = new Error('x'); e.name = 'Assigned'; e.message = 'changed'; throw e",
            "Assigned",
            "changed",
        ),
        (
            "throw { get a() { throw 1 }, toString() { throw 2 } }",
            "Error",
            "[object Object]",
        ),
    ] {
        let error = map(&pool, body).await.unwrap_err();
        assert_eq!(
            (error.name.as_str(), error.message.as_str()),
            (name, message),
            "{body}"
        );
        assert_eq!(error.kind, ErrorKind::Thrown, "{body}");
    }
    let error = map(&pool, "throw new Error('x'.repeat(1e6))")
        .await
        .unwrap_err();
    assert!(error.message.len() <= 4096);
    let error = map(
        &pool,
        "throw Object.defineProperty(new Error('x'), 'message', { get() { for (;;); } })",
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cpu);
}

#[tokio::test]
async fn logs_come_with_the_error() {
    let error = map(&pool(), "logger.info('before'); throw 1")
        .await
        .unwrap_err();
    assert_eq!(error.logs.lines[0].text, "before");
}

#[tokio::test]
async fn a_syntax_error_has_line_and_column() {
    let pool = pool();
    for (body, line) in [
        ("return 1 +;", 1),
        ("const a = 1;\nconst b = ;\nreturn a", 2),
        ("const a = 1;\nif (a) {\n  return 1", 3),
        ("return `open", 1),
        ("const a = 1; const a = 2;", 1),
        ("\n\n  return )", 3),
    ] {
        let checked = pool.check(body).await.unwrap_err();
        assert_eq!(
            (checked.kind, checked.stage, checked.name.as_str()),
            (ErrorKind::Syntax, None, "SyntaxError"),
            "{body}"
        );
        assert_eq!(
            checked.position().map(|place| place.0),
            Some(line),
            "{body}: {checked}"
        );
        let run = filter(&pool, body, "{}").await.unwrap_err();
        assert_eq!(
            (run.kind, run.stage),
            (ErrorKind::Syntax, Some(Stage::Filter))
        );
        assert_eq!(run.position(), checked.position());
    }
    assert_eq!(
        pool.check("const x = 5;").await.map_err(|error| error.kind),
        Ok(())
    );
    assert_eq!(pool.check("").await, Ok(()));
    assert_eq!(
        pool.check("return await fetch(payload.url) // comment")
            .await,
        Ok(())
    );
}

#[tokio::test]
async fn checking_runs_nothing_and_a_body_cannot_close_its_function() {
    let pool = pool();
    for body in ["for (;;);", "throw 1", "new Array(1e9) + ''"] {
        assert_eq!(pool.check(body).await, Ok(()), "{body}");
    }
    for body in [
        "}); (async (payload) => {",
        "}), (() => {",
        "}) + (async (payload) => {",
        "return 1 }",
        "\0",
    ] {
        let error = pool.check(body).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Syntax, "{body}: {error}");
    }
    // What such a body runs when it is compiled stands under the same limits.
    let error = pool
        .check("}); for (;;); (async (payload) => {")
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cpu);
}
