//! Answers in XML, in the shape of the first server: root `<object>`, an element a key in order of
//! their names, and a `type` for everything but text.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use serde_json::{Map, Value};

/// Writes a JSON value as an XML document.
pub(super) fn to_xml(value: &Value) -> io::Result<Vec<u8>> {
    let mut writer = Writer::new(Vec::with_capacity(1024));
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)))?;
    match value {
        Value::Object(members) => {
            writer.write_event(Event::Start(BytesStart::new("object")))?;
            write_members(&mut writer, members)?;
            writer.write_event(Event::End(BytesEnd::new("object")))?;
        }
        other => write_value(&mut writer, "value", other)?,
    }
    Ok(writer.into_inner())
}

fn write_members(writer: &mut Writer<Vec<u8>>, members: &Map<String, Value>) -> io::Result<()> {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    for (name, value) in sorted {
        write_value(writer, name, value)?;
    }
    Ok(())
}

fn write_value(writer: &mut Writer<Vec<u8>>, name: &str, value: &Value) -> io::Result<()> {
    // A key such as `secure_document_service/share` is no name of an element.
    let element = if is_name(name) { name } else { "value" };
    let mut start = BytesStart::new(element);
    if element != name {
        start.push_attribute(("name", allowed(name).as_str()));
    }
    let kind = match value {
        Value::String(_) => None,
        Value::Null => Some("null"),
        Value::Bool(_) => Some("boolean"),
        Value::Number(number) if number.is_f64() => Some("float"),
        Value::Number(_) => Some("integer"),
        Value::Array(_) => Some("list"),
        Value::Object(_) => Some("hash"),
    };
    if let Some(kind) = kind {
        start.push_attribute(("type", kind));
    }
    if value.is_null() {
        return writer.write_event(Event::Empty(start));
    }
    writer.write_event(Event::Start(start))?;
    let text = |writer: &mut Writer<Vec<u8>>, text: &str| {
        writer.write_event(Event::Text(BytesText::new(text)))
    };
    match value {
        Value::Null => {}
        Value::Bool(true) => text(writer, "True")?,
        Value::Bool(false) => text(writer, "False")?,
        Value::Number(number) => text(writer, &number.to_string())?,
        Value::String(string) => text(writer, &allowed(string))?,
        Value::Array(items) => {
            for item in items {
                write_value(writer, "value", item)?;
            }
        }
        Value::Object(members) => write_members(writer, members)?,
    }
    writer.write_event(Event::End(BytesEnd::new(element)))
}

/// Whether a key can be an element: a cautious subset of XML 1.0, section 2.3.
fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let starts = bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let reserved = name
        .get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("xml"));
    starts && !reserved && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// Replaces what XML 1.0 (section 2.2) cannot hold, escaped or not.
fn allowed(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\t'
            | '\n'
            | '\r'
            | '\u{20}'..='\u{d7ff}'
            | '\u{e000}'..='\u{fffd}'
            | '\u{10000}'.. => character,
            _ => char::REPLACEMENT_CHARACTER,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn xml(value: &Value) -> String {
        String::from_utf8(to_xml(value).unwrap()).unwrap()
    }

    #[test]
    fn every_kind_of_value_has_its_shape() {
        let value = json!({
            "z": "text", "a": true, "list": ["x", 1, 1.5, null], "hash": {"b": false}, "e": ""
        });
        assert_eq!(
            xml(&value),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><object><a type=\"boolean\">True</a>\
             <e></e><hash type=\"hash\"><b type=\"boolean\">False</b></hash>\
             <list type=\"list\"><value>x</value><value type=\"integer\">1</value>\
             <value type=\"float\">1.5</value><value type=\"null\"/></list><z>text</z></object>"
        );
    }

    #[test]
    fn nothing_in_a_text_breaks_out_of_it() {
        let value = json!({"a<b\"": "</object>&\u{1}\u{ffff}", "xmlns": "x", "": "y"});
        assert_eq!(
            xml(&value),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><object><value name=\"\">y</value>\
             <value name=\"a&lt;b&quot;\">&lt;/object&gt;&amp;\u{fffd}\u{fffd}</value>\
             <value name=\"xmlns\">x</value></object>"
        );
        assert_eq!(
            xml(&json!("bare")),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><value>bare</value>"
        );
    }
}
