//! Quoted history: what is folded, and what never is.

use posthouse_mime::websafe::{Images, web_safe, web_safe_text};

const START: &str = "<details class=\"ee-collapsed-thread\"><summary class=\"ee-collapsed-thread-toggle\">…</summary>";

/// What is above, inside and below the fold; none if nothing is folded.
fn parts(safe: &str) -> Option<(String, String, String)> {
    let (above, rest) = safe.split_once(START)?;
    let (inside, below) = rest.rsplit_once("</details>")?;
    Some((above.to_owned(), inside.to_owned(), below.to_owned()))
}

#[test]
fn history_is_folded() {
    for (name, html) in [
        (
            "Gmail",
            "<div dir=ltr>new</div><br><div class=gmail_quote><div dir=ltr class=gmail_attr>On Mon, A &lt;a@x.org&gt; wrote:<br></div><blockquote class=gmail_quote style='margin:0 0 0 .8ex'>old</blockquote></div>",
        ),
        (
            "Gmail's container",
            "<div>new</div><div class='gmail_quote gmail_quote_container'>old</div>",
        ),
        (
            "Outlook of the web",
            "<div>new</div><div id=appendonsend></div><hr style='display:inline-block;width:98%'><div id=divRplyFwdMsg dir=ltr><font><b>From:</b> A<br><b>Sent:</b> Monday</font></div><div>old</div>",
        ),
        (
            "Outlook",
            "<div class=WordSection1><p class=MsoNormal>new</p><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'><p class=MsoNormal><b>From:</b> A<br><b>Sent:</b> Monday</p></div><p class=MsoNormal>old</p></div>",
        ),
        (
            "Outlook, German",
            "<div><p>new</p><div><div style='border:none;border-top:solid #E1E1E1 1.0pt'><p><b>Von:</b> A<br><b>Gesendet:</b> Montag</p></div></div><p>old</p></div>",
        ),
        (
            "Apple Mail",
            "<div>new</div><div><br><blockquote type=cite><div>On 1 Sep 2026, at 10:00, A wrote:</div><br><div>old</div></blockquote></div>",
        ),
        (
            "Thunderbird",
            "<p>new</p><div class=moz-cite-prefix>Am 01.09.26 um 10:00 schrieb A:<br></div><blockquote type=cite cite='mid:x'><p>old</p></blockquote>",
        ),
        (
            "Yahoo",
            "<div>new</div><div id=yahoo_quoted_1 class=yahoo_quoted><div>On Monday, A wrote:</div><div>old</div></div>",
        ),
        (
            "Proton",
            "<div>new</div><div class=protonmail_quote>On Monday, A wrote:<blockquote class=protonmail_quote type=cite>old</blockquote></div>",
        ),
        (
            "Original Message",
            "<p>new</p><p>-----Original Message-----<br>From: A<br>Sent: Monday</p><p>old</p>",
        ),
        (
            "underscores",
            "<p>new</p><p>________________________________<br>From: A<br>Sent: Monday</p><p>old</p>",
        ),
    ] {
        let safe = web_safe(html, Images::default());
        let Some((above, inside, below)) = parts(&safe) else {
            panic!("{name}: {safe}");
        };
        assert!(
            above.contains("new") && !above.contains("old"),
            "{name}: {above}"
        );
        for line in ["wrote", "schrieb", "From", "Von"] {
            assert!(!above.contains(line), "{name}: {above}");
        }
        assert!(inside.contains("old"), "{name}: {inside}");
        assert!(!below.contains("old"), "{name}: {below}");
        assert_eq!(web_safe(&safe, Images::default()), safe, "{name}");
    }
}

#[test]
fn history_of_plain_text_is_folded() {
    for line in [
        "On Mon, 1 Sep 2026, A <a@x.org> wrote:",
        "Am 1. September 2026 schrieb A:",
        "Le lun. 1 sept. 2026, A a écrit :",
        "El lun, 1 sept 2026, A escribió:",
        "Em seg, 1 de set de 2026, A escreveu:",
        "Il giorno lun 1 set 2026, A ha scritto:",
        "Op ma 1 sep 2026 schreef A:",
        "Den mån 1 sep. 2026 skrev A:",
        "1 września 2026 A napisał(a):",
        "1 сентября 2026 г. A написал:",
        "2026年9月1日 A 写道：",
        "2026年9月1日 A さんは書きました:",
    ] {
        let safe = web_safe_text(&format!("new\n\n{line}\n\n> old\n> > older\n"));
        let (above, inside, _) = parts(&safe).unwrap_or_else(|| panic!("{line}: {safe}"));
        assert_eq!(above.trim(), "<p>new</p>", "{line}");
        assert!(
            inside.contains("old") && inside.contains("older"),
            "{line}: {inside}"
        );
    }
}

#[test]
fn what_is_said_is_never_folded() {
    for html in [
        // Nothing above.
        "<div class=gmail_quote>old</div>",
        "<br>&nbsp;<div><img src=''></div><blockquote type=cite>old</blockquote><p>answer below</p>",
        "<p>On Monday, A wrote:</p><blockquote type=cite>old</blockquote>",
        "<style>p{color:red}</style><div id=divRplyFwdMsg>From: A</div>",
        // Forwarded.
        "<p>see this</p><div class=gmail_quote><div class=gmail_attr>---------- Forwarded message ---------<br>From: A</div>old</div>",
        // Answered between the lines.
        "<p>Hi</p><blockquote type=cite>one?</blockquote><p>yes</p><blockquote type=cite>two?</blockquote><p>no</p>",
        // A quotation, and lines that look alike.
        "<p>as they say</p><blockquote>old</blockquote>",
        "<p>From: me, with love</p><p>-----</p><p>______</p>",
        "<p>x</p><p>-------------------- cut here --------------------</p><p>y</p>",
        // Where no fold may stand.
        "<p>new<span class=gmail_quote>old</span></p>",
    ] {
        let html = html.replace("<img src=''>", "");
        let safe = web_safe(&html, Images::default());
        assert!(!safe.contains("<details"), "{safe}");
    }
    assert!(!web_safe_text("> old\n\nanswer").contains("<details"));
}
