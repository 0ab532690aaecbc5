use posthouse_mime::{Address, parse_addresses};

fn read(raw: &str) -> Vec<(String, String)> {
    let list = parse_addresses(raw.as_bytes());
    list.into_iter()
        .map(|Address { name, address }| (name.unwrap_or_default(), address))
        .collect()
}

#[test]
fn forms() {
    let table: &[(&str, &[(&str, &str)])] = &[
        ("", &[]),
        ("a@x", &[("", "a@x")]),
        ("<a@x>", &[("", "a@x")]),
        ("Ann Lee <a@x>", &[("Ann Lee", "a@x")]),
        (
            "\"Lee, Ann\" <a@x>, b@x",
            &[("Lee, Ann", "a@x"), ("", "b@x")],
        ),
        ("\"Ann \\\"A\\\" Lee\" <a@x>", &[("Ann \"A\" Lee", "a@x")]),
        ("John Q. Public <j@x>", &[("John Q. Public", "j@x")]),
        ("a@x (Ann Lee)", &[("Ann Lee", "a@x")]),
        ("Ann (the (real) one) <a@x>", &[("Ann", "a@x")]),
        // groups: an entry for the group, then its members
        (
            "Team: Ann <a@x>, b@x;, c@x",
            &[("Team", ""), ("Ann", "a@x"), ("", "b@x"), ("", "c@x")],
        ),
        (
            "undisclosed-recipients:;",
            &[("undisclosed-recipients", "")],
        ),
        (
            "Undisclosed recipients: ;",
            &[("Undisclosed recipients", "")],
        ),
        ("\"A: B\":c@x;", &[("A: B", ""), ("", "c@x")]),
        // encoded words
        ("=?utf-8?Q?J=C3=B6rg?= <j@x>", &[("Jörg", "j@x")]),
        ("\"=?utf-8?Q?J=C3=B6rg?=\" <j@x>", &[("Jörg", "j@x")]),
        ("=?utf-8?Q?Lee,_Ann?= <a@x>", &[("Lee, Ann", "a@x")]),
        ("=?utf-8?B?IkxlZSwgQW5uIg==?= <a@x>", &[("Lee, Ann", "a@x")]),
        ("=?utf-8?Q?a?= =?utf-8?Q?b?= c <a@x>", &[("ab c", "a@x")]),
        ("Jörg <j@x>", &[("Jörg", "j@x")]),
        // obsolete and broken
        ("<@r1,@r2:a@x>", &[("", "a@x")]),
        ("a @ x", &[("", "a@x")]),
        ("\"john doe\"@x", &[("", "\"john doe\"@x")]),
        (
            "\"john doe\"@x, Ann <\"a b\"@x>",
            &[("", "\"john doe\"@x"), ("Ann", "\"a b\"@x")],
        ),
        ("a@x; b@x", &[("", "a@x"), ("", "b@x")]),
        (",,a@x,,", &[("", "a@x")]),
        ("Ann a@x", &[("Ann", "a@x")]),
        ("a@x b@x", &[("", "a@x"), ("", "b@x")]),
        ("Ann <a@x", &[("Ann", "a@x")]),
        ("Ann <a@x, Bob <b@x>", &[("Ann", "a@x"), ("Bob", "b@x")]),
        ("Ann \"the <a@x>", &[("Ann \"the", "a@x")]),
        ("Ann (the <a@x>", &[("Ann (the", "a@x")]),
        ("root", &[("", "root")]),
        ("Ann Lee", &[("Ann Lee", "")]),
        ("Ann <>", &[("Ann", "")]),
        ("<>", &[("", "")]),
        ("ann@x <a@x>", &[("ann@x", "a@x")]),
        (
            "Ann <a@x>\r\n\t, Bob\r\n <b@x>",
            &[("Ann", "a@x"), ("Bob", "b@x")],
        ),
        ("用户@例え.jp", &[("", "用户@例え.jp")]),
        ("Ann <<a@x>>, b@x", &[("Ann", "a@x"), ("", "b@x")]),
        ("Ann a@x>", &[("Ann", "a@x")]),
        ("Ann <a(one)@x(two)>", &[("Ann", "a@x")]),
        ("Ann <\"a(b\"@x>", &[("Ann", "\"a(b\"@x")]),
        ("Ann <mailto:a@x>", &[("Ann", "a@x")]),
        ("Ann [mailto:a@x]", &[("Ann", "a@x")]),
        ("a @ x . org, b@x", &[("", "a@x.org"), ("", "b@x")]),
        (
            "a@[192.0.2.1], b@[IPv6:2001:db8::1]",
            &[("", "a@[192.0.2.1]"), ("", "b@[IPv6:2001:db8::1]")],
        ),
        ("=?utf-8?Q?J=C3=B6rg_<j@x>?=", &[("Jörg", "j@x")]),
        ("'a@x' <a@x>", &[("'a@x'", "a@x")]),
        (
            "root, root@, @x",
            &[("", "root"), ("", "root@"), ("", "@x")],
        ),
        ("Raw\\Name <a@x>", &[("Raw\\Name", "a@x")]),
    ];
    for (raw, expected) in table {
        let read = read(raw);
        let read: Vec<_> = read
            .iter()
            .map(|(name, address)| (name.as_str(), address.as_str()))
            .collect();
        assert_eq!(read, *expected, "{raw}");
    }
}
