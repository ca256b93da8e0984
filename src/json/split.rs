//! Large documents piece by piece: the arrays of an envelope are handed out element by element, so that memory need not hold all of them.
//!
//! What is looked at is only where strings, arrays and objects begin and end. Whether it is JSON is told by whoever parses the pieces:
//! every byte of the document is part of one of them.

use std::io::{self, Read};

/// Elements at the beginning of an array that an outline keeps. It also keeps the last one: cursors are taken from there.
const KEPT: u64 = 2;
/// Bytes that are read at a time.
const CHUNK: usize = 256 << 10;
/// Levels of objects around an array; deeper ones are no envelope.
const LEVELS_MAX: usize = 32;

/// Why a document cannot be taken apart.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// It cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// One element, or what is around the arrays, is larger than memory may hold.
    #[error("one piece of it is larger than {0} bytes")]
    TooLarge(usize),
    /// It ends in the midst of an array, or goes on after its end.
    #[error("it is not one whole document")]
    NotWhole,
}

/// A document with most elements of its arrays left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The JSON text.
    pub text: Vec<u8>,
    /// The arrays that have only objects around them, by the keys that lead there, with how many elements each has in truth.
    pub arrays: Vec<(Vec<String>, u64)>,
}

/// What comes next in a document.
enum Event {
    /// An array begins; its keys are those of the splitter.
    Begin,
    /// An element of it is in the buffer.
    Element,
    /// It ends.
    End,
    /// The document is over.
    Over,
}

/// Walks over a document.
struct Splitter<R> {
    input: R,
    chunk: Vec<u8>,
    at: usize,
    end: usize,
    /// The objects around: the key whose value comes next, once it is known.
    levels: Vec<Option<String>>,
    /// Whether the next text is a key.
    expects_key: bool,
    in_array: bool,
    has_value: bool,
    /// The bytes between arrays, or those of an element.
    buffer: Vec<u8>,
    piece_max: usize,
}

impl<R: Read> Splitter<R> {
    fn new(input: R, piece_max: usize) -> Self {
        Self {
            input,
            chunk: vec![0; CHUNK],
            at: 0,
            end: 0,
            levels: Vec::new(),
            expects_key: false,
            in_array: false,
            has_value: false,
            buffer: Vec::new(),
            piece_max,
        }
    }

    /// The keys that lead to where it is.
    fn keys(&self) -> Vec<String> {
        self.levels.iter().map(|key| key.clone().unwrap_or_default()).collect()
    }

    fn byte(&mut self) -> Result<Option<u8>, SplitError> {
        if self.at == self.end {
            self.end = self.input.read(&mut self.chunk)?;
            self.at = 0;
        }
        let byte = self.chunk.get(..self.end).and_then(|read| read.get(self.at)).copied();
        self.at += usize::from(byte.is_some());
        Ok(byte)
    }

    fn keep(&mut self, byte: u8) -> Result<(), SplitError> {
        if self.buffer.len() >= self.piece_max {
            return Err(SplitError::TooLarge(self.piece_max));
        }
        self.buffer.push(byte);
        Ok(())
    }

    fn next(&mut self) -> Result<Event, SplitError> {
        if self.in_array { self.element() } else { self.envelope() }
    }

    /// Goes on to the next array, with what is before it in the buffer.
    fn envelope(&mut self) -> Result<Event, SplitError> {
        self.buffer.clear();
        while let Some(byte) = self.byte()? {
            if self.has_value && self.levels.is_empty() && !byte.is_ascii_whitespace() {
                return Err(SplitError::NotWhole);
            }
            if byte == b'[' {
                self.in_array = true;
                return Ok(Event::Begin);
            }
            self.keep(byte)?;
            match byte {
                b'{' if self.levels.len() >= LEVELS_MAX => return Err(SplitError::NotWhole),
                b'{' => {
                    self.levels.push(None);
                    self.expects_key = true;
                }
                b'}' => {
                    self.levels.pop().ok_or(SplitError::NotWhole)?;
                    self.expects_key = false;
                    self.has_value = true;
                }
                b',' => self.expects_key = true,
                b'"' => self.text()?,
                _ => {}
            }
        }
        if !self.levels.is_empty() {
            return Err(SplitError::NotWhole);
        }
        Ok(Event::Over)
    }

    /// Reads a text of the envelope, whose opening quote has been read.
    fn text(&mut self) -> Result<(), SplitError> {
        let begin = self.buffer.len().saturating_sub(1);
        let mut is_escaped = false;
        while let Some(byte) = self.byte()? {
            self.keep(byte)?;
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => {
                    if std::mem::take(&mut self.expects_key)
                        && let Some(level) = self.levels.last_mut()
                    {
                        let written = self.buffer.get(begin..).unwrap_or_default();
                        *level = Some(serde_json::from_slice(written).map_err(|_| SplitError::NotWhole)?);
                    }
                    return Ok(());
                }
                _ => {}
            }
        }
        Err(SplitError::NotWhole)
    }

    /// Reads the next element of the array, or its end.
    fn element(&mut self) -> Result<Event, SplitError> {
        self.buffer.clear();
        let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
        while let Some(byte) = self.byte()? {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if in_text => is_escaped = true,
                b'"' => in_text = !in_text,
                _ if in_text => {}
                b'{' | b'[' => depth += 1,
                b']' if depth == 0 => {
                    self.in_array = false;
                    self.has_value = true;
                    let is_empty = self.buffer.iter().all(u8::is_ascii_whitespace);
                    // The end comes by itself after the last element.
                    if !is_empty {
                        self.at -= 1;
                        self.in_array = true;
                        return Ok(Event::Element);
                    }
                    return Ok(Event::End);
                }
                b'}' | b']' => depth = depth.saturating_sub(1),
                b',' if depth == 0 => return Ok(Event::Element),
                _ => {}
            }
            self.keep(byte)?;
        }
        Err(SplitError::NotWhole)
    }
}

/// Reads a document and keeps what is around its arrays, with the first elements of each and the last one.
///
/// # Errors
/// Where it cannot be read, is not whole, or what is to be kept has more than `piece_max` bytes.
pub fn outline(input: impl Read, piece_max: usize) -> Result<Outline, SplitError> {
    let mut splitter = Splitter::new(input, piece_max);
    let mut outline = Outline::default();
    let (mut count, mut last) = (0_u64, Vec::new());
    loop {
        match splitter.next()? {
            Event::Begin => {
                outline.text.append(&mut splitter.buffer);
                outline.text.push(b'[');
                (count, last) = (0, Vec::new());
            }
            Event::Element => {
                count += 1;
                if count <= KEPT {
                    push(&mut outline.text, &splitter.buffer, count > 1);
                } else {
                    std::mem::swap(&mut last, &mut splitter.buffer);
                }
            }
            Event::End => {
                if count > KEPT {
                    push(&mut outline.text, &last, true);
                }
                outline.text.push(b']');
                outline.arrays.push((splitter.keys(), count));
            }
            Event::Over => {
                outline.text.append(&mut splitter.buffer);
                return Ok(outline);
            }
        }
        if outline.text.len() > piece_max {
            return Err(SplitError::TooLarge(piece_max));
        }
    }
}

fn push(text: &mut Vec<u8>, element: &[u8], is_next: bool) {
    if is_next {
        text.push(b',');
    }
    text.extend_from_slice(element);
}

/// The elements of one array of a document, in arrays of some bytes each.
pub struct Batches<R> {
    splitter: Splitter<R>,
    keys: Vec<String>,
    bytes: usize,
    is_inside: bool,
    /// An element that has been read and not handed out.
    ahead: Option<Vec<u8>>,
    is_over: bool,
}

impl<R: Read> Batches<R> {
    /// The elements of the array that `keys` lead to.
    pub fn new(input: R, keys: Vec<String>, bytes: usize, piece_max: usize) -> Self {
        let splitter = Splitter::new(input, piece_max);
        Self { splitter, keys, bytes, is_inside: false, ahead: None, is_over: false }
    }

    /// The next elements as a JSON array, and whether more follow; `None`: there are none.
    ///
    /// # Errors
    /// Where the document cannot be read, or is not whole.
    pub fn next_batch(&mut self) -> Result<Option<(Vec<u8>, bool)>, SplitError> {
        let mut batch = vec![b'['];
        let first = match self.ahead.take() {
            Some(first) => Some(first),
            None => self.next_element()?,
        };
        let Some(first) = first else { return Ok(None) };
        batch.extend_from_slice(&first);
        loop {
            let Some(element) = self.next_element()? else {
                batch.push(b']');
                return Ok(Some((batch, false)));
            };
            if batch.len() + element.len() > self.bytes {
                self.ahead = Some(element);
                batch.push(b']');
                return Ok(Some((batch, true)));
            }
            push(&mut batch, &element, true);
        }
    }

    fn next_element(&mut self) -> Result<Option<Vec<u8>>, SplitError> {
        while !self.is_over {
            match self.splitter.next()? {
                Event::Begin => self.is_inside = self.splitter.keys() == self.keys,
                Event::Element if self.is_inside => return Ok(Some(std::mem::take(&mut self.splitter.buffer))),
                Event::Element => {}
                Event::End => self.is_inside = false,
                Event::Over => self.is_over = true,
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlined(text: &str) -> Result<(String, Vec<(String, u64)>), SplitError> {
        let outline = outline(text.as_bytes(), 1_000)?;
        let arrays = outline.arrays.into_iter().map(|(keys, count)| (keys.join("."), count)).collect();
        Ok((String::from_utf8(outline.text).expect("UTF-8"), arrays))
    }

    #[test]
    fn an_outline_has_the_first_elements_and_the_last() {
        let text = r#"{"a":{"d\"x":[1,{"k":[9]},"]",[4],{"z":"\\"}],"e":[]},"n":"[","t":null, "f":[7]}"#;
        let expected = r#"{"a":{"d\"x":[1,{"k":[9]},{"z":"\\"}],"e":[]},"n":"[","t":null, "f":[7]}"#;
        let (outline, arrays) = outlined(text).expect("a document");
        assert_eq!(outline, expected);
        assert_eq!(arrays, [("a.d\"x".to_owned(), 5), ("a.e".to_owned(), 0), ("f".to_owned(), 1)]);
        assert_eq!(outlined("[1,2,3,4]\n").expect("a document").0, "[1,2,4]\n");
        assert_eq!(outlined("[ ]").expect("a document").1, [(String::new(), 0)]);
    }

    #[test]
    fn what_is_no_whole_document_is_told() {
        for text in ["{\"a\":[1", "{\"a\":[1]", "[1][2]", "{} {}", "{\"a", "[\"x", "}"] {
            assert!(matches!(outlined(text), Err(SplitError::NotWhole)), "{text}");
        }
        let long = format!("[\"{}\"]", "x".repeat(2_000));
        assert!(matches!(outlined(&long), Err(SplitError::TooLarge(1_000))));
    }

    #[test]
    fn batches_have_every_element_once() {
        let elements: Vec<String> = (0..100).map(|id| format!("{{\"id\":{id},\"t\":\"a,]}}[{id}\"}}")).collect();
        let text = format!("{{\"x\":[1,2],\"data\":{{\"rows\":[{}]}},\"y\":[3]}}", elements.join(" ,\n"));
        for bytes in [1, 200, 1 << 20] {
            let mut batches = Batches::new(text.as_bytes(), vec!["data".into(), "rows".into()], bytes, 1_000);
            let mut read = Vec::new();
            let mut more = true;
            while let Some((batch, follows)) = batches.next_batch().expect("a document") {
                assert!(more, "the batch before said that none follows");
                more = follows;
                read.extend(serde_json::from_slice::<Vec<serde_json::Value>>(&batch).expect("an array"));
            }
            let expected: Vec<serde_json::Value> =
                elements.iter().map(|element| serde_json::from_str(element).expect("JSON")).collect();
            assert!(!more && read == expected, "{bytes}");
        }
        let mut none = Batches::new(&b"{\"data\":[]}"[..], vec!["data".into()], 10, 1_000);
        assert!(none.next_batch().expect("a document").is_none());
    }
}
