//! What mail programs and providers call the special folders.

use posthouse_model::mailbox::SpecialUse;

/// Names, lower case, separated by `|`, the likelier ones first.
const TEXT: [(SpecialUse, &str); 6] = [
    (
        SpecialUse::Sent,
        "\
         sent|sent items|sent mail|sent messages|sentmail|outbox sent|gesendet|gesendete objekte|\
         gesendete elemente|gesendete nachrichten|envoyés|éléments envoyés|messages envoyés|\
         courrier envoyé|enviados|elementos enviados|correo enviado|mensajes enviados|itens enviados|\
         mensagens enviadas|inviati|posta inviata|elementi inviati|verzonden|verzonden items|\
         verzonden berichten|skickat|skickade|skickade objekt|sendt|sendte elementer|sendt post|\
         lähetetyt|lähetetyt viestit|saadetud|saadetud kirjad|saadetud üksused|wysłane|\
         elementy wysłane|odeslané|odeslaná pošta|odoslané|elküldött|elküldött elemek|trimise|\
         elemente trimise|poslano|изпратени|отправленные|надіслані|απεσταλμένα|gönderilmiş öğeler|\
         gönderilenler|nosūtītie|išsiųsti|נשלח|المرسلة|已发送|已发送邮件|寄件備份|送信済み|送信済みメール|送信済みアイテム|\
         보낸 편지함|보낸편지함|đã gửi|terkirim|enviats|elements enviats|enviadas|poslana pošta|poslane stavke|\
         послато|изпратени елементи|ارسال شده|ส่งแล้ว|รายการที่ถูกส่ง|भेजे गए|פריטים שנשלחו|\
         العناصر المرسلة|已傳送|已發送|thư đã gửi|item terkirim|απεσταλμένα στοιχεία|надіслані елементи\
        ",
    ),
    (
        SpecialUse::Drafts,
        "\
         drafts|draft|entwürfe|entwurf|brouillons|borradores|rascunhos|bozze|concepten|utkast|\
         kladder|kladde|luonnokset|mustandid|kopie robocze|wersje robocze|szkice|koncepty|rozepsané|\
         piszkozatok|ciorne|osnutki|nacrti|чернови|черновики|чернетки|πρόχειρα|taslaklar|melnraksti|\
         juodraščiai|טיוטות|مسودات|草稿|草稿箱|草稿匣|下書き|임시 보관함|임시보관함|thư nháp|draf|esborranys|schițe|\
         skice|پیش‌نویس‌ها|แบบร่าง|ฉบับร่าง|ड्राफ़्ट|المسودات|konsep|juodraštis|uzmetumi|drög\
        ",
    ),
    (
        SpecialUse::Trash,
        "\
         trash|deleted|deleted items|deleted messages|bin|papierkorb|gelöschte objekte|\
         gelöschte elemente|gelöscht|corbeille|éléments supprimés|messages supprimés|papelera|\
         elementos eliminados|eliminados|lixo|lixeira|itens excluídos|cestino|posta eliminata|\
         elementi eliminati|prullenbak|verwijderde items|papperskorgen|borttagna objekt|papirkurv|\
         papirkurven|slettet post|slettede elementer|roskakori|poistetut|prügikast|kustutatud|\
         kustutatud üksused|kosz|elementy usunięte|koš|odstraněná pošta|kôš|lomtár|törölt elemek|\
         gunoi|coș de gunoi|elemente șterse|koš za smeće|кошче|корзина|удаленные|удалённые|кошик|\
         κάδος|διαγραμμένα|çöp kutusu|silinmiş öğeler|atkritne|šiukšliadėžė|אשפה|المهملات|已删除|已删除邮件|\
         垃圾桶|ゴミ箱|削除済みアイテム|휴지통|지운 편지함|thùng rác|sampah|paperera|elements suprimits|izbrisano|\
         izbrisane stavke|smeće|otpad|отпад|изтрити|изтрити елементи|زباله‌دان|ถังขยะ|รายการที่ถูกลบ|\
         ट्रैश|פריטים שנמחקו|العناصر المحذوفة|刪除的郵件|已刪除的郵件|thư đã xóa|item dihapus|видалені|\
         διαγραμμένα στοιχεία|ištrinta|dzēstie vienumi\
        ",
    ),
    (
        SpecialUse::Junk,
        "\
         junk|junk e-mail|junk email|junk mail|spam|bulk|bulk mail|junk-e-mail|spamverdacht|\
         unerwünscht|werbung|courrier indésirable|indésirables|pourriel|correo no deseado|no deseado|\
         lixo eletrônico|lixo eletrónico|posta indesiderata|indesiderata|ongewenste e-mail|ongewenst|\
         skräppost|søppelpost|uønsket e-post|uønsket mail|roskaposti|rämpspost|wiadomości-śmieci|\
         wiadomości śmieci|nevyžádaná pošta|nevyžiadaná pošta|levélszemét|спам|нежелательная почта|\
         небажана пошта|ανεπιθύμητα|istenmeyen|gereksiz e-posta|mēstules|šlamštas|דואר זבל|بريد مزعج|\
         垃圾邮件|垃圾郵件|迷惑メール|스팸|스팸메일함|정크 메일|thư rác|correu brossa|neželjena pošta|нежељена пошта|\
         нежелана поща|هرزنامه|สแปม|อีเมลขยะ|स्पैम|البريد غير الهام|e-mail nedorit|mesaje nedorite|\
         rubbish|ανεπιθύμητη αλληλογραφία|небажані|önemsiz e-posta|roskapostit|emel sampah|spami\
        ",
    ),
    (
        SpecialUse::Archive,
        "\
         archive|archives|archiv|archivo|archivos|arquivo|arquivo morto|archivio|archief|arkiv|\
         arkisto|arhiiv|archiwum|archív|archívum|arhivă|arhiv|arhiva|архив|архів|αρχείο|arşiv|\
         arhīvs|archyvas|ארכיון|الأرشيف|存档|归档|封存|アーカイブ|보관함|lưu trữ|arsip|arxiu|архива|بایگانی|\
         เก็บถาวร|संग्रह|ארכיב|أرشيف|存檔|보관|arkiverat|arkiveret\
        ",
    ),
    (
        SpecialUse::All,
        "\
         all mail|alle nachrichten|tous les messages|todos|todos los correos|todos os e-mails|\
         tutti i messaggi|alle berichten|kõik kirjad|вся почта|tot el correu|alle mails|wszystkie|\
         všechny zprávy|toate mesajele|όλα τα μηνύματα|tüm postalar|所有邮件|所有郵件|すべてのメール|전체보관함|\
         alla mail|all e-post\
        ",
    ),
];

/// The names of each special use, in order of likelihood.
pub fn names() -> impl Iterator<Item = (SpecialUse, std::str::Split<'static, char>)> {
    TEXT.into_iter()
        .map(|(special, names)| (special, names.trim().split('|')))
}
