//! Line ends and dots on the way out.

/// Turns a message into the form DATA carries (RFC 5321 section 4.5.2): every line ends in CRLF, also where the source has a
/// bare CR or LF, and a line that starts with a dot gets another. So nothing inside a message can look like its end, whatever
/// the server takes for a line end.
#[derive(Debug)]
pub struct DotStuffer {
    line_start: bool,
    after_cr: bool,
}

impl Default for DotStuffer {
    fn default() -> Self {
        Self {
            line_start: true,
            after_cr: false,
        }
    }
}

impl DotStuffer {
    /// Appends the wire form of `input` to `output`: at most twice its length plus one line end.
    pub fn feed(&mut self, input: &[u8], output: &mut Vec<u8>) {
        let mut rest = input;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            self.end_line(output);
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(&first) = rest.first() {
            if self.line_start && first == b'.' {
                output.push(b'.');
            }
            let length = rest
                .iter()
                .position(|&byte| byte == b'\r' || byte == b'\n')
                .unwrap_or(rest.len());
            let (text, tail) = rest.split_at(length);
            output.extend_from_slice(text);
            if !text.is_empty() {
                self.line_start = false;
            }
            rest = match tail {
                [] => return,
                [b'\r'] => {
                    // The LF may be in the next portion.
                    self.after_cr = true;
                    return;
                }
                [b'\r', b'\n', after @ ..] | [_, after @ ..] => {
                    self.end_line(output);
                    after
                }
            };
        }
    }

    /// Appends the line end that the last line may lack, then the final dot's line.
    pub fn finish(mut self, output: &mut Vec<u8>) {
        if self.after_cr || !self.line_start {
            self.end_line(output);
        }
        output.extend_from_slice(b".\r\n");
    }

    fn end_line(&mut self, output: &mut Vec<u8>) {
        output.extend_from_slice(b"\r\n");
        self.line_start = true;
    }
}
