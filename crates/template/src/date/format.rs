//! Writing a date.

use std::fmt::Write as _;

use super::{
    Moment,
    token::{Piece, pieces},
};

/// Bytes of a format.
const LONGEST: usize = 4096;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// From Sunday.
const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

impl Moment {
    /// Writes it by a format of moment.js, or as ISO 8601 if that is empty. `None`: the format is too long.
    pub(crate) fn format(&self, format: &str) -> Option<String> {
        if format.len() > LONGEST {
            return None;
        }
        let format = match (format, self.offset) {
            ("", 0) => "YYYY-MM-DDTHH:mm:ss[Z]",
            ("", _) => "YYYY-MM-DDTHH:mm:ssZ",
            (format, _) => format,
        };
        let mut text = String::new();
        for piece in pieces(format) {
            match piece {
                Piece::Plain(plain) => text.push_str(plain),
                Piece::Token(token) => match self.token(token) {
                    Some(value) => text.push_str(&value),
                    None => text.push_str(token),
                },
            }
        }
        Some(text)
    }

    /// What a token stands for; `None` if it is none.
    fn token(&self, token: &str) -> Option<String> {
        let at = self.local;
        let year = i32::from(at.year());
        let (month, day) = (i32::from(at.month()), i32::from(at.day()));
        let (hour, minute, second) = (
            i32::from(at.hour()),
            i32::from(at.minute()),
            i32::from(at.second()),
        );
        let day_of_year = i32::from(at.date().day_of_year());
        let weekday = i32::from(at.weekday().to_sunday_zero_offset());
        let name = |names: &[&'static str], at: i32, length: usize| {
            let name = usize::try_from(at)
                .ok()
                .and_then(|at| names.get(at).copied());
            let name = name.unwrap_or_default();
            name.get(..length).unwrap_or(name).to_owned()
        };
        let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
        let day_hour = if hour == 0 { 24 } else { hour };
        let quarter = (month + 2) / 3;
        Some(match token {
            "M" => month.to_string(),
            "Mo" => ordinal(month),
            "MM" => padded(month, 2),
            "MMM" => name(&MONTHS, month - 1, 3),
            "MMMM" => name(&MONTHS, month - 1, usize::MAX),
            "Q" => quarter.to_string(),
            "Qo" => ordinal(quarter),
            "D" => day.to_string(),
            "Do" => ordinal(day),
            "DD" => padded(day, 2),
            "DDD" => day_of_year.to_string(),
            "DDDo" => ordinal(day_of_year),
            "DDDD" => padded(day_of_year, 3),
            "d" | "e" => weekday.to_string(),
            "do" => ordinal(weekday),
            "dd" => name(&DAYS, weekday, 2),
            "ddd" => name(&DAYS, weekday, 3),
            "dddd" => name(&DAYS, weekday, usize::MAX),
            "E" => at.weekday().to_monday_one_offset().to_string(),
            "w" => self.week().1.to_string(),
            "wo" => ordinal(self.week().1),
            "ww" => padded(self.week().1, 2),
            "W" => self.iso_week().1.to_string(),
            "Wo" => ordinal(self.iso_week().1),
            "WW" => padded(self.iso_week().1, 2),
            "Y" => padded(year, 4),
            "YY" => padded(year % 100, 2),
            "YYYY" => padded(year, 4),
            "YYYYY" => padded(year, 5),
            "YYYYYY" if year >= 0 => format!("+{}", padded(year, 6)),
            "YYYYYY" => padded(year, 6),
            "y" | "yy" | "yyy" | "yyyy" => padded(era_year(year), token.len()),
            "yo" => ordinal(era_year(year)),
            "N" | "NN" | "NNN" | "NNNNN" => if year > 0 { "AD" } else { "BC" }.to_owned(),
            "NNNN" => if year > 0 {
                "Anno Domini"
            } else {
                "Before Christ"
            }
            .to_owned(),
            "gg" => padded(self.week().0 % 100, 2),
            "gggg" | "ggggg" => padded(self.week().0, token.len()),
            "GG" => padded(self.iso_week().0 % 100, 2),
            "GGGG" | "GGGGG" => padded(self.iso_week().0, token.len()),
            "A" => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            "a" => if hour < 12 { "am" } else { "pm" }.to_owned(),
            "H" | "HH" => padded(hour, token.len()),
            "h" | "hh" => padded(twelve, token.len()),
            "k" | "kk" => padded(day_hour, token.len()),
            "Hmm" => format!("{hour}{minute:02}"),
            "Hmmss" => format!("{hour}{minute:02}{second:02}"),
            "hmm" => format!("{twelve}{minute:02}"),
            "hmmss" => format!("{twelve}{minute:02}{second:02}"),
            "m" | "mm" => padded(minute, token.len()),
            "s" | "ss" => padded(second, token.len()),
            // Offsets and time zones.
            "Z" => self.offset_text(":"),
            "ZZ" => self.offset_text(""),
            "z" => "UTC".to_owned(),
            "zz" => "Coordinated Universal Time".to_owned(),
            "X" => self.millis.div_euclid(1000).to_string(),
            "x" => self.millis.to_string(),
            _ if token.bytes().all(|byte| byte == b'S') => {
                let mut fraction = format!("{:03}000000", at.millisecond());
                fraction.truncate(token.len());
                fraction
            }
            _ => return None,
        })
    }

    fn offset_text(&self, between: &str) -> String {
        let minutes = self.offset.abs();
        let mut text = String::from(if self.offset < 0 { "-" } else { "+" });
        let _ = write!(text, "{:02}{between}{:02}", minutes / 60, minutes % 60);
        text
    }

    /// Year and week as counted in America: weeks begin on Sunday, the first has the first of January.
    fn week(&self) -> (i32, i32) {
        let date = self.local.date();
        let year = i32::from(date.year());
        let to_saturday = 6 - i32::from(date.weekday().to_sunday_zero_offset());
        let saturday = i32::from(date.day_of_year()) + to_saturday;
        let days = i32::from(date.days_in_year());
        if saturday > days {
            return (year + 1, 1);
        }
        (year, (saturday - 1) / 7 + 1)
    }

    /// Year and week of ISO 8601.
    fn iso_week(&self) -> (i32, i32) {
        let date = self.local.date().iso_week_date();
        (i32::from(date.year()), i32::from(date.week()))
    }
}

/// Zeros before a number, the sign not counted.
fn padded(number: i32, width: usize) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{:0width$}", number.unsigned_abs())
}

/// `1st`, `2nd`, `3rd`, `4th`.
fn ordinal(number: i32) -> String {
    let ending = match (number % 10, number % 100 / 10) {
        (_, 1) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// There is no year 0: before 1 comes 1 before Christ.
const fn era_year(year: i32) -> i32 {
    if year > 0 { year } else { 1 - year }
}
