"""The messages of the demo's mailbox: the same ones every time."""

import email.message
import email.policy
import email.utils
import random

PEOPLE = [
    ("Ada Lovelace", "ada@analytical.example"),
    ("Jürgen Groß", "juergen@brauhaus.example"),
    ("Amélie Poulain", "amelie@montmartre.example"),
    ("佐藤 花子", "hanako@tokyo.example"),
    ("Олег Иванов", "oleg@vostok.example"),
    ("Maria da Conceição", "maria@lisboa.example"),
    ("Hosting Billing", "billing@hosting.example"),
    ("Grace Hopper", "grace@compilers.example"),
]
SUBJECTS = [
    "Minutes of Tuesday's meeting",
    "Rechnung für März",
    "Your order has shipped",
    "Réservation confirmée",
    "来週の会議について",
    "Отчёт за квартал",
    "Lunch? 🍜",
    "Question about the contract",
    "Build failed on main",
    "Travel plans for the spring conference and who takes care of the booth this time",
]
SENTENCES = [
    "Thank you for the quick answer.",
    "The figures are in the attached file.",
    "Could you have a look before Thursday?",
    "Wir haben die Unterlagen erhalten und melden uns in Kürze.",
    "I moved the review to next week, since half of the team is travelling.",
    "C'est noté, à demain !",
    "The server has been up for 400 days; please do not touch it.",
    "Let me know if anything is missing.",
    "资料已收到，谢谢。",
    "Nothing to do for you, this is only for information.",
]
DOMAIN = "example.com"
FIRST = 1_760_000_000  # seconds since 1970; one message every two hours from there

QUESTION_ID = "<tea-at-nine@analytical.example>"
QUESTION_FROM = "ada@analytical.example"
QUESTION_SUBJECT = "Tea at nine?"


def messages(count):
    """(flags, seconds since 1970, bytes) each, oldest first."""
    rnd = random.Random(1843)
    earlier = []
    for number in range(count):
        when = FIRST + number * 7200
        message = email.message.EmailMessage(policy=email.policy.SMTP)
        name, address = rnd.choice(PEOPLE)
        message["From"] = email.utils.formataddr((name, address))
        message["To"] = f"Demo Reader <demo@{DOMAIN}>"
        message["Date"] = email.utils.formatdate(when)
        message_id = f"<{number}.{rnd.getrandbits(40):x}@{address.split('@')[1]}>"
        message["Message-ID"] = message_id
        thread = []
        if number % 3 == 2:
            subject, thread = rnd.choice(earlier[-12:])
            message["In-Reply-To"] = thread[-1]
            message["References"] = " ".join(thread[-10:])
            message["Subject"] = "Re: " + subject
        else:
            subject = f"{rnd.choice(SUBJECTS)} ({number})"
            message["Subject"] = subject
        earlier.append((subject, [*thread, message_id]))
        paragraphs = [" ".join(rnd.sample(SENTENCES, rnd.randint(1, 4))) for _ in range(rnd.randint(1, 4))]
        message.set_content("\n\n".join(["Hello,", *paragraphs, name]) + "\n")
        if number % 4 != 0:
            message.add_alternative("<html><body><p>Hello,</p><p>" + "</p><p>".join(paragraphs) + f"</p><p>{name}</p></body></html>", subtype="html")
        if number % 5 == 4:
            table = "month;amount\r\n" + "".join(f"2025-{month:02};{rnd.randint(100, 9999)}\r\n" for month in range(1, 13))
            message.add_attachment(table.encode(), maintype="text", subtype="csv", filename=f"Zahlen-für-{number}.csv")
        if number % 11 == 10:
            message.add_attachment(rnd.randbytes(20_000), maintype="application", subtype="pdf", filename=f"report-{number}.pdf")
        flags = "" if rnd.random() < 0.25 else "(\\Seen)"
        if number % 17 == 0:
            flags = "(\\Seen \\Flagged)"
        yield flags, when, message.as_bytes()


def question():
    """The mail that arrives while the demo runs."""
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"] = f"Ada Lovelace <{QUESTION_FROM}>"
    message["To"] = f"Demo Reader <demo@{DOMAIN}>"
    message["Date"] = email.utils.formatdate()
    message["Message-ID"] = QUESTION_ID
    message["Subject"] = QUESTION_SUBJECT
    message.set_content("Dear reader,\n\nis nine o'clock tomorrow convenient? There will be tea, or coffee if you insist.\n\nAda\n")
    message.add_alternative(
        "<html><body><p>Dear reader,</p><p>is <b>nine o'clock</b> tomorrow convenient? There will be tea, or coffee if you insist.</p><p>Ada</p></body></html>",
        subtype="html",
    )
    return message.as_bytes()
