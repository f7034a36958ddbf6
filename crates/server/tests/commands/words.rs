//! What differs from run to run, replaced by what it is.

/// Replaces ids, times and secrets. `known` are API key ids that were seen.
pub(crate) fn replace(text: &str, known: &mut Vec<String>) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        // A word at the end of a sentence.
        let word = rest[..end].trim_end_matches(['.', ':']);
        if word.is_empty() {
            replaced.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            replaced.push_str(&name(word, known));
            rest = &rest[word.len()..];
        }
    }
    squeezed(&replaced)
}

/// Columns are as wide as what was in them: two spaces will do.
fn squeezed(text: &str) -> String {
    let mut squeezed = String::new();
    for line in text.lines() {
        let mut spaces = 0;
        for c in line.chars() {
            spaces = if c == ' ' { spaces + 1 } else { 0 };
            if spaces <= 2 {
                squeezed.push(c);
            }
        }
        squeezed.push('\n');
    }
    squeezed
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.:".contains(c)
}

fn name(word: &str, known: &mut Vec<String>) -> String {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    let parts: Vec<_> = word.split('-').collect();
    let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
    if lengths == [8, 4, 4, 4, 12] && parts.iter().all(|part| hex(part)) {
        return "[id]".to_owned();
    }
    if word.len() >= 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T' {
        return "[time]".to_owned();
    }
    if word.len() > 18 && lengths.starts_with(&[4, 2, 2]) && digits(parts[0]) && word.contains('_')
    {
        return format!(
            "[migration {}]",
            word.rsplit_once("00_").map_or(word, |(_, name)| name)
        );
    }
    if word.len() == 59 && word.starts_with("ck_") {
        let id = word[3..15].to_owned();
        if !known.contains(&id) {
            known.push(id);
        }
        return "[API key]".to_owned();
    }
    if let Some(at) = known
        .iter()
        .position(|id| word.trim_start_matches("ck_") == id)
    {
        return format!("[key id {}]", at + 1);
    }
    if digits(word) && word.len() >= 15 {
        return "[serial]".to_owned();
    }
    if word.len() == 16 && hex(word) {
        return "[master key]".to_owned();
    }
    if word.len() == 32 && hex(word) {
        return "[random]".to_owned();
    }
    let is_month = |word: &str| digits(word) && word.len() == 8 && word.starts_with("20");
    match word.rsplit_once(':') {
        Some((scope, start)) if is_month(start) => return format!("{scope}:[month]"),
        _ if is_month(word) => return "[month]".to_owned(),
        _ => {}
    }
    word.to_owned()
}

#[test]
fn what_differs_from_run_to_run_is_replaced_and_nothing_else() {
    let mut known = Vec::new();
    let key = "ck_8SVLjCD6RNbF_azPbhYIhmZYqwJGp11wysZASUODNQZcoBMNUkoVzbXa";
    let text = format!(
        "a 01a20c33-0490-7b86-9954-a96eef064321, at 2026-11-24T06:16:39Z. \
         \"2026-11-24T06:16:39.405843Z\"    x {key} 8SVLjCD6RNbF 3382890503878879525 \
         2026-11-24-000000_metadata 127.0.0.1:8080: .gitignore 0/20261101/é partition:0:20261101"
    );
    assert_eq!(
        replace(&text, &mut known),
        "a [id], at [time]. \"[time]\"  x [API key] [key id 1] [serial] [migration metadata] \
         127.0.0.1:8080: .gitignore 0/[month]/é partition:0:[month]\n"
    );
}
