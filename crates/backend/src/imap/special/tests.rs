//! What folders are for.
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
    for (_, names) in names() {
        for name in names {
            assert_eq!(name, name.to_lowercase(), "{name}");
        }
    }
}

#[test]
fn folders_are_known_by_their_names_in_many_languages() {
    use SpecialUse as U;
    // Sent, drafts, trash, junk and archive, as mail programs and providers name them.
    const LANGUAGES: &str = "
English: Sent Items | Drafts | Deleted Items | Junk Email | Archive
German: Gesendete Elemente | Entwürfe | Papierkorb | Unerwünscht | Archiv
French: Éléments envoyés | Brouillons | Corbeille | Courrier indésirable | Archives
Spanish: Elementos enviados | Borradores | Papelera | Correo no deseado | Archivo
Portuguese: Itens enviados | Rascunhos | Lixeira | Lixo eletrônico | Arquivo
Italian: Posta inviata | Bozze | Cestino | Posta indesiderata | Archivio
Catalan: Enviats | Esborranys | Paperera | Correu brossa | Arxiu
Dutch: Verzonden items | Concepten | Prullenbak | Ongewenste e-mail | Archief
Swedish: Skickat | Utkast | Papperskorgen | Skräppost | Arkiv
Norwegian: Sendte elementer | Utkast | Papirkurv | Søppelpost | Arkiv
Danish: Sendt post | Kladder | Slettet post | Uønsket mail | Arkiv
Finnish: Lähetetyt | Luonnokset | Roskakori | Roskaposti | Arkisto
Estonian: Saadetud kirjad | Mustandid | Prügikast | Rämpspost | Arhiiv
Latvian: Nosūtītie | Melnraksti | Atkritne | Mēstules | Arhīvs
Lithuanian: Išsiųsti | Juodraščiai | Šiukšliadėžė | Šlamštas | Archyvas
Polish: Elementy wysłane | Kopie robocze | Kosz | Wiadomości-śmieci | Archiwum
Czech: Odeslaná pošta | Koncepty | Koš | Nevyžádaná pošta | Archiv
Slovak: Odoslané | Koncepty | Kôš | Nevyžiadaná pošta | Archív
Hungarian: Elküldött elemek | Piszkozatok | Törölt elemek | Levélszemét | Archívum
Romanian: Elemente trimise | Ciorne | Elemente șterse | Mesaje nedorite | Arhivă
Croatian: Poslano | Skice | Smeće | Neželjena pošta | Arhiva
Bulgarian: Изпратени | Чернови | Кошче | Спам | Архив
Russian: Отправленные | Черновики | Корзина | Спам | Архив
Ukrainian: Надіслані | Чернетки | Кошик | Спам | Архів
Greek: Απεσταλμένα | Πρόχειρα | Κάδος | Ανεπιθύμητα | Αρχείο
Turkish: Gönderilmiş Öğeler | Taslaklar | Çöp Kutusu | Gereksiz E-posta | Arşiv
Hebrew: נשלח | טיוטות | אשפה | דואר זבל | ארכיון
Arabic: العناصر المرسلة | المسودات | العناصر المحذوفة | بريد مزعج | الأرشيف
Persian: ارسال شده | پیش‌نویس‌ها | زباله‌دان | هرزنامه | بایگانی
Hindi: भेजे गए | ड्राफ़्ट | ट्रैश | स्पैम | संग्रह
Thai: ส่งแล้ว | แบบร่าง | ถังขยะ | อีเมลขยะ | เก็บถาวร
Chinese, simplified: 已发送 | 草稿箱 | 已删除 | 垃圾邮件 | 归档
Chinese, traditional: 寄件備份 | 草稿匣 | 刪除的郵件 | 垃圾郵件 | 封存
Japanese: 送信済みアイテム | 下書き | 削除済みアイテム | 迷惑メール | アーカイブ
Korean: 보낸 편지함 | 임시 보관함 | 지운 편지함 | 정크 메일 | 보관
Vietnamese: Đã gửi | Thư nháp | Thùng rác | Thư rác | Lưu trữ
Indonesian: Terkirim | Draf | Sampah | Spam | Arsip
";
    let order = [U::Sent, U::Drafts, U::Trash, U::Junk, U::Archive];
    let mut languages = 0;
    for line in LANGUAGES.trim().lines() {
        let (language, names) = line.split_once(": ").unwrap();
        let paths: Vec<(&str, &str)> = names.split(" | ").map(|name| (name, "")).collect();
        assert_eq!(paths.len(), order.len(), "{language}");
        for (found, wanted) in uses(&paths, &ImapConfig::default()).into_iter().zip(order) {
            let found = found.map(|(special, _)| special);
            assert_eq!(found, Some(wanted), "{language}");
        }
        languages += 1;
    }
    assert!(languages > 30);
    // No name means two things.
    let mut seen = std::collections::HashMap::new();
    for (special, names) in names() {
        for name in names {
            if let Some(other) = seen.insert(name, special) {
                panic!("{name} is {other:?} and {special:?}");
            }
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
