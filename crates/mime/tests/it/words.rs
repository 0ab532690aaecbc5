use posthouse_mime::decode_text;

#[test]
fn encoded_words() {
    let table: &[(&[u8], &str)] = &[
        (b"plain", "plain"),
        (b"", ""),
        (b"=?utf-8?Q?caf=C3=A9?=", "café"),
        (b"=?UTF-8?b?Y2Fmw6k=?=", "café"),
        (b"=?utf-8?B?Y2Fmw6k?=", "café"),
        (b"=?iso-8859-1?q?a_b=20c?=", "a b c"),
        (b"=?iso-8859-1*en?Q?Keld_J=F8rn?= x", "Keld Jørn x"),
        // RFC 2047 section 8
        (b"=?ISO-8859-1?Q?a?= b", "a b"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a?=  \r\n   =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a_b?=", "a b"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
        // a character split between words, in both encodings
        (b"=?utf-8?B?Y2Fmww==?= =?utf-8?B?qQ==?=", "café"),
        (b"=?utf-8?Q?caf=C3?=\r\n =?utf-8?Q?=A9?=", "café"),
        (b"=?utf-8?B?Y2Fm?= =?utf-8?B?w6k=?=", "café"),
        // a base64 group split between words
        (b"=?utf-8?B?Y2F?= =?utf-8?B?mw6k=?=", "café"),
        // words without padding, each whole
        (b"=?utf-8?B?YQ?= =?utf-8?B?YmM?= =?utf-8?B?ZA?=", "abcd"),
        // sequences that the encoding standard takes for errors, between two words and without any word
        (
            b"=?iso-2022-jp?B?GyRCRnwbKEI=?= =?iso-2022-jp?B?GyRCS1wbKEI=?=",
            "日本",
        ),
        (b"Re: \x1b$BF|K\\\x1b(B", "Re: 日本"),
        // a character as two surrogates
        (b"=?utf-8?Q?=ED=A0=BD=ED=B8=80_x?=", "😀 x"),
        (b"=?utf-8?Q?=ED=A0=BD_x?=", "í\u{a0}½ x"),
        // without space between, and stuck to text
        (b"=?utf-8?Q?a?==?utf-8?Q?b?=", "ab"),
        (b"=?utf-8?B?YQ==?==?utf-8?B?Yg==?=", "ab"),
        (b"x=?utf-8?Q?a?=y", "xay"),
        // spaces where none may be
        (b"=?utf-8?Q?a b?= c", "a b c"),
        // broken ones stay
        (b"=?utf-8?Q?abc", "=?utf-8?Q?abc"),
        (b"=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        (b"=??Q?abc?=", "=??Q?abc?="),
        (b"=?utf-8?Q?open =?utf-8?Q?a?=", "=?utf-8?Q?open a"),
        (b"1 =? 2 ?= 3", "1 =? 2 ?= 3"),
        (b"=?utf-8?Q??= x", "x"),
        (b"=?utf-8?Q?100=?=", "100="),
        (b"=?utf-8?Q?a=ZZb?=", "a=ZZb"),
        // wrong or unknown charset
        (b"=?utf-8?Q?caf=E9?=", "café"),
        (b"=?x-unknown?Q?caf=C3=A9?=", "café"),
        (b"=?us-ascii?Q?caf=C3=A9?=", "café"),
        (b"=?cp1251?Q?=CF=F0=E8?=", "При"),
        (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        (b"=?gb2312?B?1tDOxA==?=", "中文"),
        (b"=?utf-7?Q?+AOk-?=", "é"),
        // raw 8-bit
        ("café".as_bytes(), "café"),
        (b"caf\xe9", "café"),
        (b"caf\xe9 =?utf-8?Q?=C3=A9?=", "café é"),
        // folding, controls
        (b"a\r\n b", "a b"),
        (b"a\r\n\t b\n\tc", "a b c"),
        (b"a\0b", "ab"),
        (b"=?utf-8?Q?a=0D=0ABcc:_x?=", "a  Bcc: x"),
    ];
    for (raw, text) in table {
        assert_eq!(decode_text(raw), *text, "{}", String::from_utf8_lossy(raw));
    }
}
