use posthouse_mime::{
    charset::{self, CharsetDecoder},
    decode::{TransferDecoder, decode},
    text::{TextDecoder, TextFormat, text_from, unflow},
};
use proptest::prelude::*;

#[test]
fn base64() {
    let table: &[(&[u8], &[u8])] = &[
        (b"aGVsbG8=", b"hello"),
        (b"aGVs\r\nbG8=\r\n", b"hello"),
        (b"aGVsbG8", b"hello"),
        (b"aG!Vs b*G8=", b"hello"),
        (b"aGVsbG8=d29ybGQ=", b"helloworld"),
        (b"YQ==YWI=", b"aab"),
        (b"Y", b""),
        (b"====", b""),
        (b"", b""),
    ];
    for (encoded, plain) in table {
        assert_eq!(
            decode(" BASE64 ", encoded),
            *plain,
            "{}",
            String::from_utf8_lossy(encoded)
        );
    }
}

#[test]
fn quoted_printable() {
    let table: &[(&[u8], &[u8])] = &[
        (b"caf=C3=A9", b"caf\xc3\xa9"),
        (b"caf=c3=a9", b"caf\xc3\xa9"),
        (b"soft=\r\nbreak", b"softbreak"),
        (b"soft=\nbreak", b"softbreak"),
        (b"soft= \t \r\nbreak", b"softbreak"),
        (b"trailing  \t\r\nspace", b"trailing\r\nspace"),
        (b"kept =20\r\n", b"kept  \r\n"),
        (b"stray = sign =ZZ =4", b"stray = sign =ZZ =4"),
        (b"end=", b"end"),
        (b"a==3Db", b"a==b"),
        (b"8\xe9bit", b"8\xe9bit"),
    ];
    for (encoded, plain) in table {
        let read = decode("Quoted-Printable", encoded);
        assert_eq!(
            String::from_utf8_lossy(&read),
            String::from_utf8_lossy(plain)
        );
    }
}

#[test]
fn uuencode() {
    let encoded = b"preamble\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\nafter";
    assert_eq!(decode("x-uuencode", encoded), b"Cat");
}

#[test]
fn charsets() {
    let table: &[(&str, &[u8], &str)] = &[
        ("utf-8", b"\xef\xbb\xbfcaf\xc3\xa9", "café"),
        ("utf-8", b"\xc3\xa9 \xff \xc3\xa9", "é \u{fffd} é"),
        ("", b"caf\xe9 \x80", "café €"),
        ("no-such", b"caf\xc3\xa9", "café"),
        ("\"ISO-8859-1\"", b"\xe9", "é"),
        ("iso-8859-15", b"\xa4", "€"),
        ("cp1252", b"\x80", "€"),
        ("cp-1251", b"\xcf", "П"),
        ("koi8-r", b"\xf0", "П"),
        ("cp932", b"\x93\xfa", "日"),
        ("big5", b"\xa4\xa4", "中"),
        ("ks_c_5601-1987", b"\xb0\xa1", "가"),
        ("iso-2022-jp", b"\x1b$BF|\x1b(Bx", "日x"),
        ("utf-16", b"\xfe\xff\0a\0b", "ab"),
        ("utf-16le", b"a\0b\0", "ab"),
        (
            "utf-7",
            b"Hi +2D3eAA-! 1 +- 1, +AOk",
            "Hi \u{1f600}! 1 + 1, é",
        ),
        ("hz-gb-2312", b"ascii", "ascii"),
    ];
    for (label, bytes, text) in table {
        assert_eq!(charset::decode(label, bytes), *text, "{label}");
    }
}

fn text(bytes: &[u8], format: TextFormat<'_>, max: usize) -> (String, bool) {
    text_from(bytes, &format, max)
}

#[test]
fn texts() {
    let qp = TextFormat {
        transfer: "quoted-printable",
        charset: "iso-8859-1",
        ..TextFormat::default()
    };
    assert_eq!(
        text(b"caf=E9\r\nx\ry\n", qp, 100),
        ("café\nx\ny\n".into(), false)
    );
    // limits count bytes of UTF-8 and never split a character
    assert_eq!(text(b"caf=E9", qp, 5), ("café".into(), false));
    assert_eq!(text(b"caf=E9", qp, 4), ("caf".into(), true));
    assert_eq!(text(b"caf=E9", qp, 0), (String::new(), true));
    assert_eq!(text(b"", qp, 0), (String::new(), false));
    assert_eq!(
        text(b"ab\r\n", TextFormat::default(), 3),
        ("ab\n".into(), false)
    );
}

#[test]
fn flowed_lines() {
    assert_eq!(unflow("one \ntwo\nthree", false), "one two\nthree");
    assert_eq!(unflow("one \ntwo", true), "onetwo");
    assert_eq!(unflow(" >stuffed\n From x", false), ">stuffed\nFrom x");
    assert_eq!(
        unflow("> a \n> b\n>> c \n> d\ne", false),
        "> a b\n>> c \n> d\ne"
    );
    assert_eq!(unflow("text \n-- \nsig", false), "text \n-- \nsig");
    assert_eq!(unflow(">\n>\n", false), ">\n>\n");
    assert_eq!(unflow("", false), "");
    let format = TextFormat {
        flowed: true,
        ..TextFormat::default()
    };
    assert_eq!(
        text(b"one \r\ntwo\r\n", format, 99),
        ("one two\n".into(), false)
    );
}

#[test]
fn a_full_text_needs_no_more() {
    let mut decoder = TextDecoder::new(&TextFormat::default(), 10);
    assert!(decoder.push(b"12345"));
    assert!(decoder.push(b"67890"));
    assert!(!decoder.push(b"1"));
    assert_eq!(decoder.finish(), ("1234567890".into(), true));
}

fn pieces(bytes: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2)
        .map(|pair| bytes[pair[0]..pair[1]].to_vec())
        .collect()
}

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"=".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b" \t".to_vec()),
        Just(b"=C3".to_vec()),
        Just(b"+AOk-".to_vec()),
        Just("é日".as_bytes().to_vec()),
        Just(b"begin 644 x\n#0V%T\nend\n".to_vec()),
        "[A-Za-z0-9+/]{1,6}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn cuts_change_nothing(bytes in soup(), cuts in prop::collection::vec(any::<usize>(), 0..6)) {
        for encoding in ["base64", "quoted-printable", "x-uuencode", "8bit"] {
            let mut out = Vec::new();
            let mut decoder = TransferDecoder::new(encoding);
            for piece in pieces(&bytes, &cuts) {
                decoder.push(&piece, &mut out);
            }
            decoder.finish(&mut out);
            prop_assert_eq!(&out, &decode(encoding, &bytes), "{}", encoding);
        }
        for label in ["utf-8", "utf-7", "iso-2022-jp", "gb18030", "shift_jis", "utf-16", "windows-1252", "big5"] {
            let mut out = String::new();
            let mut decoder = CharsetDecoder::new(label);
            for piece in pieces(&bytes, &cuts) {
                decoder.push(&piece, &mut out);
            }
            decoder.finish(&mut out);
            prop_assert_eq!(&out, &charset::decode(label, &bytes), "{}", label);
        }
        let format = TextFormat { transfer: "quoted-printable", flowed: true, ..TextFormat::default() };
        let mut decoder = TextDecoder::new(&format, 50);
        for piece in pieces(&bytes, &cuts) {
            decoder.push(&piece);
        }
        prop_assert_eq!(decoder.finish(), text_from(&bytes, &format, 50));
    }
}

#[test]
fn labels_that_say_otherwise() {
    let format = |transfer, charset, html| TextFormat {
        transfer,
        charset,
        html,
        ..TextFormat::default()
    };
    let plain = |transfer| format(transfer, "", false);
    let html = |charset| format("", charset, true);
    let meta = b"<html><head><META Content='text/html; Charset = koi8-r'>\xd0";
    let long = [
        b"Not base64 at all, and long. ".repeat(100),
        b"\xc3\xa9".to_vec(),
    ]
    .concat();
    let table: &[(TextFormat<'_>, &[u8], &str)] = &[
        // text that is said to be base64
        (
            plain("base64"),
            b"It is just text, no base64.",
            "It is just text, no base64.",
        ),
        (plain("base64"), &long, &String::from_utf8_lossy(&long)),
        (plain("base64"), b"SGVs bG8s\r\n  anVu *aw==", "Hello,junk"),
        (plain("base64"), b"SGVsbG8", "Hello"),
        (plain("base64"), b"", ""),
        // HTML that names its charset, which counts only where there is no label
        (
            html(""),
            b"<meta charset=\"windows-1251\">\xcf",
            "<meta charset=\"windows-1251\">П",
        ),
        (
            html(""),
            meta,
            "<html><head><META Content='text/html; Charset = koi8-r'>п",
        ),
        (
            html("utf-8"),
            b"<meta charset=koi8-r>\xd0\xbf",
            "<meta charset=koi8-r>п",
        ),
        (
            plain(""),
            b"<meta charset=koi8-r>\xd0\xbf",
            "<meta charset=koi8-r>п",
        ),
        (
            html(""),
            b"<meta charset=utf-16>\xd0\xbf",
            "<meta charset=utf-16>п",
        ),
        // no text has NUL
        (plain("quoted-printable"), b"a=00b\0c", "abc"),
    ];
    for (format, bytes, text) in table {
        assert_eq!(text_from(bytes, format, 1 << 20).0, *text);
        // However it is cut.
        for step in [1, 7, 1000] {
            let mut decoder = TextDecoder::new(format, 1 << 20);
            for piece in bytes.chunks(step) {
                decoder.push(piece);
            }
            assert_eq!(decoder.finish().0, *text, "in pieces of {step}");
        }
    }
}

#[test]
fn charsets_that_shift() {
    let table: &[(&str, &[u8], &str)] = &[
        ("iso-2022-kr", b"\x1b$)C\x0e>H3g\x0f ok", "안녕 ok"),
        ("iso-2022-kr", b"\x1b$)C\x0e>H\nabc", "안\nabc"),
        ("hz-gb-2312", b"~{VPND~} ok ~~", "中文 ok ~"),
        ("hz-gb-2312", b"one~\ntwo ~", "onetwo ~"),
        ("iso-2022-jp", b"\x1b$BF|\x1b(B\x1b$BK\\\x1b(B.", "日本."),
        ("iso-2022-jp", b"\x1b(I6\x1b(B\x1b", "ｶ\u{fffd}"),
        ("utf-8", b"\xed\xa0\xbd\xed\xb8\x80", "😀"),
    ];
    for (label, bytes, text) in table {
        assert_eq!(charset::decode(label, bytes), *text, "{label}");
        let (mut decoder, mut out) = (CharsetDecoder::new(label), String::new());
        for byte in *bytes {
            decoder.push(&[*byte], &mut out);
        }
        decoder.finish(&mut out);
        assert_eq!(out, *text, "{label} byte by byte");
    }
}
