#![allow(clippy::unwrap_used)]

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::{Fault, FetchCall, FromWorker, Limits, RunRequest, Setup, ToWorker, VERSION, Verdict};
use crate::{
    ErrorKind, FetchResponse, Frame, Level, LogLine, Logs, Redirect, Stage,
    frame::{Decoder, FrameError, MAX_FRAME},
    script::Source,
};

fn logs() -> Logs {
    Logs {
        lines: vec![LogLine {
            level: Level::Fatal,
            text: "é".to_owned(),
        }],
        dropped: 7,
    }
}

fn headers() -> Vec<(String, String)> {
    vec![
        ("a".to_owned(), "b".to_owned()),
        (String::new(), String::new()),
    ]
}

fn all_to_worker() -> Vec<ToWorker> {
    let limits = Limits {
        cpu_ms: 1,
        max_result: u32::MAX,
        ..Limits::default()
    };
    vec![
        ToWorker::Setup(Setup {
            version: VERSION,
            memory: 1 << 40,
            space: 2,
            cached_scripts: 3,
        }),
        ToWorker::Source(
            [7; 32],
            Source {
                filter: None,
                map: Some("x".to_owned()),
            },
        ),
        ToWorker::Run(RunRequest {
            digest: [9; 32],
            limits: limits.clone(),
            env: Bytes::from_static(b"{}"),
            payload: Bytes::from_static(b"[1]"),
        }),
        ToWorker::Check(limits, "return".to_owned()),
        ToWorker::Answer(
            5,
            Ok(FetchResponse {
                status: 200,
                status_text: "OK".to_owned(),
                url: "http://a/".to_owned(),
                redirected: true,
                headers: headers(),
                body: Bytes::from_static(&[0, 255]),
            }),
        ),
        ToWorker::Answer(6, Err("no".to_owned())),
    ]
}

fn all_from_worker() -> Vec<FromWorker> {
    vec![
        FromWorker::Ready(VERSION),
        FromWorker::NoSource,
        FromWorker::Sound,
        FromWorker::Logs(logs()),
        FromWorker::Fetch(
            1,
            FetchCall {
                method: "GET".to_owned(),
                url: "http://a/".to_owned(),
                headers: headers(),
                body: Some(Bytes::from_static(b"\0")),
                redirect: Redirect::Manual,
            },
        ),
        FromWorker::Done(Verdict {
            matched: true,
            body: Some(Bytes::from_static(b"null")),
            cpu_us: 12,
            logs: logs(),
        }),
        FromWorker::Failed(Fault {
            kind: ErrorKind::Memory,
            stage: Some(Stage::Map),
            name: "N".to_owned(),
            message: "m".to_owned(),
            stack: Box::new([Frame {
                stage: Stage::Map,
                function: Some("f".to_owned()),
                line: 1,
                column: 2,
            }]),
            logs: logs(),
            ends: true,
        }),
    ]
}

/// One decoder, fed in pieces of this size.
fn decode_in_pieces(stream: &[u8], piece: usize) -> Result<Vec<Bytes>, FrameError> {
    let mut decoder = Decoder::default();
    let mut frames = Vec::new();
    for part in stream.chunks(piece.max(1)) {
        decoder.buffer.extend_from_slice(part);
        while let Some(frame) = decoder.next()? {
            frames.push(frame);
        }
    }
    Ok(frames)
}

#[test]
fn every_message_comes_back() {
    for piece in [1, 3, 1000] {
        let stream: Vec<u8> = all_to_worker()
            .iter()
            .flat_map(|message| message.encode().unwrap())
            .collect();
        let back: Vec<_> = decode_in_pieces(&stream, piece)
            .unwrap()
            .into_iter()
            .map(|frame| ToWorker::decode(frame).unwrap())
            .collect();
        assert_eq!(back, all_to_worker());

        let stream: Vec<u8> = all_from_worker()
            .iter()
            .flat_map(|message| message.encode().unwrap())
            .collect();
        let back: Vec<_> = decode_in_pieces(&stream, piece)
            .unwrap()
            .into_iter()
            .map(|frame| FromWorker::decode(frame).unwrap())
            .collect();
        assert_eq!(back, all_from_worker());
    }
}

#[test]
fn a_cut_or_lengthened_message_is_malformed() {
    for message in all_from_worker() {
        let frame = Bytes::from(message.encode().unwrap()).slice(4..);
        for length in 0..frame.len() {
            assert_eq!(
                FromWorker::decode(frame.slice(..length)),
                Err(FrameError::Malformed)
            );
        }
        let mut longer = BytesMut::from(frame.as_ref());
        longer.extend_from_slice(b"x");
        assert_eq!(
            FromWorker::decode(longer.freeze()),
            Err(FrameError::Malformed)
        );
    }
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_it_costs_memory() {
    let mut decoder = Decoder::default();
    decoder.buffer.extend_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(decoder.next(), Err(FrameError::TooLong(u32::MAX as usize)));
    let message = ToWorker::Check(Limits::default(), "x".repeat(MAX_FRAME));
    assert!(matches!(message.encode(), Err(FrameError::TooLong(_))));
}

proptest! {
    /// Any bytes: frames, an error or waiting for more, and never a panic.
    #[test]
    fn any_bytes_are_survived(stream in prop::collection::vec(any::<u8>(), 0..400), piece in 1_usize..50) {
        if let Ok(frames) = decode_in_pieces(&stream, piece) {
            for frame in frames {
                let _ = ToWorker::decode(frame.clone());
                let _ = FromWorker::decode(frame);
            }
        }
    }

    /// A message with some bytes changed is read as another message or refused, and never a panic.
    #[test]
    fn changed_messages_are_survived(which in 0_usize..13, changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let to = all_to_worker();
        let mut frame = match to.get(which) {
            Some(message) => message.encode().unwrap(),
            None => all_from_worker()[which - to.len()].encode().unwrap(),
        };
        for (at, byte) in changes {
            let at = at % frame.len();
            frame[at] = byte;
        }
        if let Ok(frames) = decode_in_pieces(&frame, 7) {
            for frame in frames {
                let _ = ToWorker::decode(frame.clone());
                let _ = FromWorker::decode(frame);
            }
        }
    }

    /// How the stream is cut does not matter.
    #[test]
    fn pieces_do_not_matter(texts in prop::collection::vec(".{0,40}", 0..6), piece in 1_usize..30) {
        let messages: Vec<_> = texts.into_iter().map(|text| ToWorker::Check(Limits::default(), text)).collect();
        let stream: Vec<u8> = messages.iter().flat_map(|message| message.encode().unwrap()).collect();
        let back: Vec<_> = decode_in_pieces(&stream, piece).unwrap().into_iter().map(|frame| ToWorker::decode(frame).unwrap()).collect();
        prop_assert_eq!(back, messages);
    }
}
