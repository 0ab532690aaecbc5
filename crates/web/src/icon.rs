//! Icons: strokes on a 24 x 24 grid, in the colour of the text around them.

/// The picture of a name; nothing for a name that is not known. Icons are decoration: the words beside
/// them say what they mean.
pub(crate) fn icon(name: &str) -> String {
    let Some((_, path)) = ICONS.iter().find(|(known, _)| *known == name) else {
        return String::new();
    };
    format!(
        "<svg class=\"icon\" viewBox=\"0 0 24 24\" aria-hidden=\"true\" focusable=\"false\"><path d=\"{path}\"/></svg>"
    )
}

static ICONS: &[(&str, &str)] = &[
    (
        "gauge",
        "M4 18a9 9 0 1 1 16 0M12 14l4-5M4.5 18h3M16.500 18h3",
    ),
    ("inbox", "M4 13l3-8h10l3 8v6H4zM4 13h5l1.500 3h3L15 13h5"),
    (
        "key",
        "M14 10a4 4 0 1 0-4 4c.7 0 1.400-.2 2-.5L14 15.500h2v2h2v2h3v-3l-7.200-5c.1-.5.2-1 .2-1.500zM9 9.500h.1",
    ),
    (
        "sliders",
        "M4 7h9M17 7h3M4 12h3M11 12h9M4 17h11M19 17h1M15 5v4M9 10v4M17 15v4",
    ),
    (
        "book",
        "M5 5.500C7.500 4.500 10 4.700 12 6c2-1.300 4.500-1.500 7-.5V18c-2.500-1-5-.8-7 .5-2-1.300-4.500-1.500-7-.5zM12 6v12.500",
    ),
    (
        "shield",
        "M12 3.500l7 2.500v5.500c0 4-2.800 7-7 9-4.200-2-7-5-7-9V6zM9 12l2 2 4-4.500",
    ),
    ("copy", "M9 9h10v11H9zM5 15V4h10"),
    ("check", "M5 12.500l4.500 4.500L19 7.500"),
    ("cross", "M6 6l12 12M18 6L6 18"),
    ("plus", "M12 5v14M5 12h14"),
    (
        "search",
        "M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15.500 15.500L20 20",
    ),
    (
        "trash",
        "M5 7h14M10 7V4.500h4V7M7 7l1 13h8l1-13M10 11v5M14 11v5",
    ),
    ("edit", "M5 19l1-4L16 5l3 3L9 18zM14 7l3 3"),
    ("refresh", "M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5"),
    ("warning", "M12 4l9 16H3zM12 10v4.500M12 17.300v.1"),
    (
        "info",
        "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 11v5M12 8v.1",
    ),
    (
        "ok",
        "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM8.500 12l2.500 2.500 4.500-5",
    ),
    (
        "bad",
        "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM9 9l6 6M15 9l-6 6",
    ),
    ("menu", "M4 7h16M4 12h16M4 17h16"),
    (
        "user",
        "M12 4.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7zM5 20c.5-4 3-6 7-6s6.500 2 7 6",
    ),
    ("logout", "M10 5H5v14h5M14 8l4 4-4 4M9 12h9"),
    (
        "link",
        "M10 14a3.500 3.500 0 0 0 5 0l4-4a3.500 3.500 0 0 0-5-5l-1.500 1.500M14 10a3.500 3.500 0 0 0-5 0l-4 4a3.500 3.500 0 0 0 5 5l1.500-1.500",
    ),
    ("arrow-right", "M5 12h14M13 6l6 6-6 6"),
    ("arrow-left", "M19 12H5M11 6l-6 6 6 6"),
    ("chevron", "M9 6l6 6-6 6"),
    (
        "clock",
        "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.500l3 2",
    ),
    ("mail", "M4 6h16v12H4zM4 7l8 6 8-6"),
    ("send", "M4 11.500L20 4l-4 16-5-6.500zM11 13.500L20 4"),
    ("bell", "M6 16V11a6 6 0 0 1 12 0v5l1.500 2h-15zM10 20.500h4"),
    ("bolt", "M13 3L5 14h6l-1 7 8-11h-6z"),
    (
        "globe",
        "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM4 12h16M12 4c-5 5-5 11 0 16M12 4c5 5 5 11 0 16",
    ),
    ("server", "M4 5h16v6H4zM4 13h16v6H4zM7.500 8h.1M7.500 16h.1"),
    ("folder", "M4 6h6l2 2h8v11H4z"),
    ("play", "M8 5l11 7-11 7z"),
    ("pause", "M8 5v14M16 5v14"),
    ("download", "M12 4v11M7 11l5 5 5-5M5 20h14"),
    (
        "eye",
        "M3 12c2.500-4.500 5.500-6.500 9-6.500s6.500 2 9 6.500c-2.500 4.500-5.500 6.500-9 6.500S5.500 16.500 3 12zM12 9.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5z",
    ),
    ("lock", "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3"),
    (
        "sun",
        "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 3v2M12 19v2M3 12h2M19 12h2M5.600 5.600L7 7M17 17l1.400 1.400M18.400 5.600L17 7M7 17l-1.400 1.400",
    ),
    (
        "moon",
        "M19 14.500A8 8 0 0 1 9.500 5a7.500 7.500 0 1 0 9.500 9.500z",
    ),
    ("dots", "M5 12h.1M12 12h.1M19 12h.1"),
    ("tag", "M4 4h8l8 8-8 8-8-8zM8 8h.1"),
    (
        "network",
        "M12 4v4M12 8a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM6 16a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM18 16a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM10.500 11.500L7 16M13.500 11.500L17 16",
    ),
    ("chart", "M4 20h16M7 20v-7M12 20V6M17 20v-10"),
    (
        "robot",
        "M6 9h12v10H6zM12 9V5M9.500 13v1M14.500 13v1M3.500 12v4M20.500 12v4M10 17h4",
    ),
    (
        "brush",
        "M14 5l5 5-7 6-3-3zM9 13c-3 0-3 4-5.500 6C7 20.500 12 20 12 16",
    ),
    ("log", "M6 4h12v16H6zM9 8h6M9 12h6M9 16h4"),
    (
        "history",
        "M5 12a7 7 0 1 0 2-5L5 9M5 4v5h5M12 8.500V12l2.500 2",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_once() {
        for (index, (name, _)) in ICONS.iter().enumerate() {
            assert!(icon(name).contains("<path"), "{name}");
            assert!(
                !ICONS[..index].iter().any(|(other, _)| other == name),
                "{name}"
            );
        }
        assert_eq!(icon("nothing"), "");
    }
}
