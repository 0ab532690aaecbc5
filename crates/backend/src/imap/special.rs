//! Which folder is for what: set on the account, announced by the server (RFC 6154), or guessed
//! from the name.

use posthouse_model::{
    account::ImapConfig,
    mailbox::{Mailbox, SpecialUse, SpecialUseSource},
};

/// Names that mail programs and providers give to folders, lower case, in several languages.
const NAMES: [(SpecialUse, &[&str]); 6] = [
    (
        SpecialUse::Sent,
        &[
            "sent",
            "sent items",
            "sent mail",
            "sent messages",
            "sentmail",
            "outbox sent",
            "gesendet",
            "gesendete objekte",
            "gesendete elemente",
            "gesendete nachrichten",
            "envoyés",
            "éléments envoyés",
            "messages envoyés",
            "courrier envoyé",
            "enviados",
            "elementos enviados",
            "correo enviado",
            "mensajes enviados",
            "itens enviados",
            "mensagens enviadas",
            "inviati",
            "posta inviata",
            "elementi inviati",
            "verzonden",
            "verzonden items",
            "verzonden berichten",
            "skickat",
            "skickade",
            "skickade objekt",
            "sendt",
            "sendte elementer",
            "sendt post",
            "lähetetyt",
            "lähetetyt viestit",
            "saadetud",
            "saadetud kirjad",
            "saadetud üksused",
            "wysłane",
            "elementy wysłane",
            "odeslané",
            "odeslaná pošta",
            "odoslané",
            "elküldött",
            "elküldött elemek",
            "trimise",
            "elemente trimise",
            "poslano",
            "изпратени",
            "отправленные",
            "надіслані",
            "απεσταλμένα",
            "gönderilmiş öğeler",
            "gönderilenler",
            "nosūtītie",
            "išsiųsti",
            "נשלח",
            "المرسلة",
            "已发送",
            "已发送邮件",
            "寄件備份",
            "送信済み",
            "送信済みメール",
            "送信済みアイテム",
            "보낸 편지함",
            "보낸편지함",
            "đã gửi",
            "terkirim",
        ],
    ),
    (
        SpecialUse::Drafts,
        &[
            "drafts",
            "draft",
            "entwürfe",
            "entwurf",
            "brouillons",
            "borradores",
            "rascunhos",
            "bozze",
            "concepten",
            "utkast",
            "kladder",
            "kladde",
            "luonnokset",
            "mustandid",
            "kopie robocze",
            "wersje robocze",
            "szkice",
            "koncepty",
            "rozepsané",
            "piszkozatok",
            "ciorne",
            "osnutki",
            "nacrti",
            "чернови",
            "черновики",
            "чернетки",
            "πρόχειρα",
            "taslaklar",
            "melnraksti",
            "juodraščiai",
            "טיוטות",
            "مسودات",
            "草稿",
            "草稿箱",
            "草稿匣",
            "下書き",
            "임시 보관함",
            "임시보관함",
            "thư nháp",
            "draf",
        ],
    ),
    (
        SpecialUse::Trash,
        &[
            "trash",
            "deleted",
            "deleted items",
            "deleted messages",
            "bin",
            "papierkorb",
            "gelöschte objekte",
            "gelöschte elemente",
            "gelöscht",
            "corbeille",
            "éléments supprimés",
            "messages supprimés",
            "papelera",
            "elementos eliminados",
            "eliminados",
            "lixo",
            "lixeira",
            "itens excluídos",
            "cestino",
            "posta eliminata",
            "elementi eliminati",
            "prullenbak",
            "verwijderde items",
            "papperskorgen",
            "borttagna objekt",
            "papirkurv",
            "papirkurven",
            "slettet post",
            "slettede elementer",
            "roskakori",
            "poistetut",
            "prügikast",
            "kustutatud",
            "kustutatud üksused",
            "kosz",
            "elementy usunięte",
            "koš",
            "odstraněná pošta",
            "kôš",
            "lomtár",
            "törölt elemek",
            "gunoi",
            "coș de gunoi",
            "elemente șterse",
            "koš za smeće",
            "кошче",
            "корзина",
            "удаленные",
            "удалённые",
            "кошик",
            "κάδος",
            "διαγραμμένα",
            "çöp kutusu",
            "silinmiş öğeler",
            "atkritne",
            "šiukšliadėžė",
            "אשפה",
            "المهملات",
            "已删除",
            "已删除邮件",
            "垃圾桶",
            "ゴミ箱",
            "削除済みアイテム",
            "휴지통",
            "지운 편지함",
            "thùng rác",
            "sampah",
        ],
    ),
    (
        SpecialUse::Junk,
        &[
            "junk",
            "junk e-mail",
            "junk email",
            "junk mail",
            "spam",
            "bulk",
            "bulk mail",
            "junk-e-mail",
            "spamverdacht",
            "unerwünscht",
            "werbung",
            "courrier indésirable",
            "indésirables",
            "pourriel",
            "correo no deseado",
            "no deseado",
            "lixo eletrônico",
            "lixo eletrónico",
            "posta indesiderata",
            "indesiderata",
            "ongewenste e-mail",
            "ongewenst",
            "skräppost",
            "søppelpost",
            "uønsket e-post",
            "uønsket mail",
            "roskaposti",
            "rämpspost",
            "wiadomości-śmieci",
            "wiadomości śmieci",
            "nevyžádaná pošta",
            "nevyžiadaná pošta",
            "levélszemét",
            "спам",
            "нежелательная почта",
            "небажана пошта",
            "ανεπιθύμητα",
            "istenmeyen",
            "gereksiz e-posta",
            "mēstules",
            "šlamštas",
            "דואר זבל",
            "بريد مزعج",
            "垃圾邮件",
            "垃圾郵件",
            "迷惑メール",
            "스팸",
            "스팸메일함",
            "정크 메일",
            "thư rác",
        ],
    ),
    (
        SpecialUse::Archive,
        &[
            "archive",
            "archives",
            "archiv",
            "archivo",
            "archivos",
            "arquivo",
            "arquivo morto",
            "archivio",
            "archief",
            "arkiv",
            "arkisto",
            "arhiiv",
            "archiwum",
            "archív",
            "archívum",
            "arhivă",
            "arhiv",
            "arhiva",
            "архив",
            "архів",
            "αρχείο",
            "arşiv",
            "arhīvs",
            "archyvas",
            "ארכיון",
            "الأرشيف",
            "存档",
            "归档",
            "封存",
            "アーカイブ",
            "보관함",
            "lưu trữ",
            "arsip",
        ],
    ),
    (
        SpecialUse::All,
        &[
            "all mail",
            "alle nachrichten",
            "tous les messages",
            "todos",
            "todos los correos",
            "todos os e-mails",
            "tutti i messaggi",
            "alle berichten",
            "kõik kirjad",
            "вся почта",
        ],
    ),
];

/// What an attribute of LIST says; the names of the older XLIST are understood too.
fn of_attribute(attribute: &str) -> Option<SpecialUse> {
    let word = attribute.strip_prefix('\\')?.to_ascii_lowercase();
    Some(match word.as_str() {
        "inbox" => SpecialUse::Inbox,
        "flagged" | "starred" => SpecialUse::Flagged,
        "sent" => SpecialUse::Sent,
        "drafts" => SpecialUse::Drafts,
        "all" | "allmail" => SpecialUse::All,
        "archive" => SpecialUse::Archive,
        "junk" | "spam" => SpecialUse::Junk,
        "trash" => SpecialUse::Trash,
        _ => return None,
    })
}

/// A special-use alias such as `\Sent`, where a path was expected.
#[must_use]
pub fn alias(path: &str) -> Option<SpecialUse> {
    of_attribute(path)
}

fn of_name(name: &str) -> Option<SpecialUse> {
    let name = name.trim().to_lowercase();
    NAMES
        .iter()
        .find(|(_, names)| names.contains(&name.as_str()))
        .map(|(special, _)| *special)
}

/// The name a missing special folder is created with.
#[must_use]
pub const fn default_name(special: SpecialUse) -> &'static str {
    match special {
        SpecialUse::Inbox => "INBOX",
        SpecialUse::Flagged => "Flagged",
        SpecialUse::Sent => "Sent",
        SpecialUse::Drafts => "Drafts",
        SpecialUse::All => "All",
        SpecialUse::Archive => "Archive",
        SpecialUse::Junk => "Junk",
        SpecialUse::Trash => "Trash",
    }
}

/// The folder that the account names for a special use.
#[must_use]
pub fn override_path(config: &ImapConfig, special: SpecialUse) -> Option<&str> {
    match special {
        SpecialUse::Sent => config.sent_mail_path.as_deref(),
        SpecialUse::Drafts => config.drafts_mail_path.as_deref(),
        SpecialUse::Junk => config.junk_mail_path.as_deref(),
        SpecialUse::Trash => config.trash_mail_path.as_deref(),
        SpecialUse::Archive => config.archive_mail_path.as_deref(),
        SpecialUse::Inbox | SpecialUse::Flagged | SpecialUse::All => None,
    }
    .filter(|path| !path.is_empty())
}

/// Writes special uses into a list of folders; `attributes` are those of LIST, in the same order.
/// Each special use is given once: the account's setting wins over the server, that over names.
pub fn assign(list: &mut [Mailbox], attributes: &[Vec<String>], config: &ImapConfig) {
    for mailbox in list.iter_mut() {
        mailbox.special_use = None;
        mailbox.special_use_source = None;
        if mailbox.path == "INBOX" {
            set(mailbox, SpecialUse::Inbox, SpecialUseSource::Extension);
        }
    }
    for &special in SpecialUse::ALL {
        let Some(path) = override_path(config, special) else {
            continue;
        };
        if let Some(mailbox) = list.iter_mut().find(|mailbox| mailbox.path == path) {
            set(mailbox, special, SpecialUseSource::User);
        }
    }
    for (index, words) in attributes.iter().enumerate() {
        for special in words.iter().filter_map(|word| of_attribute(word)) {
            let free = !taken(list, special);
            if let Some(mailbox) = list.get_mut(index)
                && free
                && mailbox.special_use.is_none()
            {
                set(mailbox, special, SpecialUseSource::Extension);
            }
        }
    }
    // The names table is in order of likelihood, and folders nearer to the root win.
    for (special, names) in &NAMES {
        if taken(list, *special) {
            continue;
        }
        let best = list
            .iter()
            .enumerate()
            .filter(|(_, mailbox)| mailbox.special_use.is_none() && !mailbox.no_select)
            .filter(|(_, mailbox)| of_name(&mailbox.name) == Some(*special))
            .min_by_key(|(index, mailbox)| {
                let name = mailbox.name.trim().to_lowercase();
                (
                    depth(mailbox),
                    names.iter().position(|known| *known == name),
                    *index,
                )
            })
            .map(|(index, _)| index);
        if let Some(mailbox) = best.and_then(|index| list.get_mut(index)) {
            set(mailbox, *special, SpecialUseSource::Name);
        }
    }
}

fn set(mailbox: &mut Mailbox, special: SpecialUse, source: SpecialUseSource) {
    mailbox.special_use = Some(special);
    mailbox.special_use_source = Some(source);
}

fn taken(list: &[Mailbox], special: SpecialUse) -> bool {
    list.iter()
        .any(|mailbox| mailbox.special_use == Some(special))
}

fn depth(mailbox: &Mailbox) -> usize {
    match &mailbox.delimiter {
        Some(delimiter) if !delimiter.is_empty() => {
            mailbox.path.matches(delimiter.as_str()).count()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn mailbox(path: &str) -> Mailbox {
        Mailbox {
            path: path.to_owned(),
            delimiter: Some("/".to_owned()),
            name: path.rsplit('/').next().unwrap().to_owned(),
            ..Mailbox::default()
        }
    }

    fn uses(
        paths: &[(&str, &str)],
        config: &ImapConfig,
    ) -> Vec<Option<(SpecialUse, SpecialUseSource)>> {
        let mut list: Vec<_> = paths.iter().map(|(path, _)| mailbox(path)).collect();
        let attributes: Vec<Vec<String>> = paths
            .iter()
            .map(|(_, words)| words.split_whitespace().map(str::to_owned).collect())
            .collect();
        assign(&mut list, &attributes, config);
        list.iter()
            .map(|mailbox| Some((mailbox.special_use?, mailbox.special_use_source?)))
            .collect()
    }

    #[test]
    fn setting_beats_server_beats_name() {
        use SpecialUse as U;
        use SpecialUseSource as S;
        let config = ImapConfig {
            sent_mail_path: Some("Mine".to_owned()),
            ..ImapConfig::default()
        };
        let paths = [
            ("INBOX", ""),
            ("Sent", "\\Sent"),
            ("Mine", ""),
            ("Archiv", "\\HasNoChildren \\Trash"),
            ("Old/Papierkorb", ""),
            ("Old/Entwürfe", ""),
            ("Junk E-mail", ""),
            ("Spam", ""),
        ];
        assert_eq!(
            uses(&paths, &config),
            [
                Some((U::Inbox, S::Extension)),
                None,
                Some((U::Sent, S::User)),
                Some((U::Trash, S::Extension)),
                None,
                Some((U::Drafts, S::Name)),
                Some((U::Junk, S::Name)),
                None,
            ]
        );
    }

    #[test]
    fn names_of_the_root_win() {
        let got = uses(
            &[("a/Sent", ""), ("Sent Items", "")],
            &ImapConfig::default(),
        );
        assert_eq!(got[0], None);
        assert_eq!(got[1].unwrap().0, SpecialUse::Sent);
        for (_, names) in NAMES {
            for name in names {
                assert_eq!(*name, name.to_lowercase(), "{name}");
            }
        }
    }

    #[test]
    fn aliases() {
        assert_eq!(alias("\\Sent"), Some(SpecialUse::Sent));
        assert_eq!(alias("\\inbox"), Some(SpecialUse::Inbox));
        assert_eq!(alias("Sent"), None);
        assert_eq!(alias("\\Nothing"), None);
    }
}
