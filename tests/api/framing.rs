//! Requests whose bounds could be read in two ways are refused, and the connection is closed: what
//! follows on it must not be taken for another request.

use accounts_tests::on_both;

/// What would follow as a second request, were the first read otherwise than by us.
const SMUGGLED: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

on_both! {
    fn r_58_what_could_be_read_in_two_ways_is_400_and_closed(app) {
        let post = "POST /v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
        let get = "GET /healthz HTTP/1.1\r\n";
        let requests = [
            (
                "length and chunks",
                format!("{post}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX"),
            ),
            (
                "chunks and length",
                format!("{post}Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nX"),
            ),
            (
                "two lengths",
                format!("{post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}"),
            ),
            ("two lengths in one", format!("{post}Content-Length: 2, 2\r\n\r\n{{}}")),
            ("a signed length", format!("{post}Content-Length: +2\r\n\r\n{{}}")),
            ("a negative length", format!("{post}Content-Length: -2\r\n\r\n{{}}")),
            ("a hexadecimal length", format!("{post}Content-Length: 0x2\r\n\r\n{{}}")),
            (
                "an endless length",
                format!("{post}Content-Length: 99999999999999999999999\r\n\r\n{{}}"),
            ),
            ("no length", format!("{post}Content-Length: \r\n\r\n{{}}")),
            (
                "chunks that are not the last coding",
                format!("{post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
            ),
            (
                "chunked twice",
                format!("{post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            ),
            (
                "an unknown coding",
                format!("{post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
            ),
            ("a folded header", format!("{get}Host: a\r\nX-A: b\r\n c\r\n\r\n")),
            ("a blank before the colon", format!("{get}Host : a\r\n\r\n")),
            ("a blank before the name", format!("{get} Host: a\r\n\r\n")),
            ("no host", format!("{get}\r\n")),
            ("two hosts", format!("{get}Host: a\r\nHost: b\r\n\r\n")),
            ("a header without a colon", format!("{get}Host: a\r\nnonsense\r\n\r\n")),
            ("a control character", format!("{get}Host: a\r\nX-A: b\0c\r\n\r\n")),
            ("a bare return", format!("{get}Host: a\r\nX-A: b\rX-B: c\r\n\r\n")),
            ("another version", "GET /healthz HTTP/3.7\r\nHost: a\r\n\r\n".to_owned()),
            ("no version", "GET /healthz\r\nHost: a\r\n\r\n".to_owned()),
            (
                "a method of no token",
                "G@T /healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            ),
            ("another protocol", "\u{16}\u{3}\u{1}\u{2}\u{0}\r\n\r\n".to_owned()),
        ];
        for (what, request) in requests {
            let answer = app.raw(format!("{request}{SMUGGLED}").as_bytes());
            assert_eq!(answer.status(), Some(400), "{what}: {}", answer.text);
            assert!(answer.closed, "{what}: the connection stays open\n{}", answer.text);
            assert_eq!(
                answer.count(),
                1,
                "{what}: a second request was answered\n{}",
                answer.text
            );
        }
    }

    fn r_58_a_chunk_that_is_none_ends_the_connection(app) {
        let post = "POST /v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
                    Transfer-Encoding: chunked\r\n\r\n";
        for chunk in [
            "0x2\r\n{}\r\n0\r\n\r\n",
            "+2\r\n{}\r\n0\r\n\r\n",
            "-1\r\n{}\r\n0\r\n\r\n",
            "g\r\n{}\r\n",
            "fffffffffffffffff\r\n{}",
            "2\r\n{}0\r\n\r\n",
        ] {
            let answer = app.raw(format!("{post}{chunk}{SMUGGLED}").as_bytes());
            assert_eq!(answer.status(), Some(400), "{chunk:?}: {}", answer.text);
            assert!(answer.closed && answer.count() == 1, "{chunk:?}: {}", answer.text);
        }
    }

    fn after_a_refusal_the_rest_of_a_body_is_not_taken_for_a_request(app) {
        // The body is refused before it is read; what it holds is still its own.
        for (head, status) in [
            (
                "POST /v1/accounts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n",
                401,
            ),
            (
                "POST /v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n",
                415,
            ),
            ("POST /v1/nowhere HTTP/1.1\r\nHost: a\r\n", 404),
            ("PUT /healthz HTTP/1.1\r\nHost: a\r\n", 405),
        ] {
            let request = format!("{head}Content-Length: {}\r\n\r\n{SMUGGLED}", SMUGGLED.len());
            let answer = app.raw(request.as_bytes());
            assert_eq!(answer.status(), Some(status), "{}", answer.text);
            assert_eq!(answer.count(), 1, "{}", answer.text);
        }
    }

    fn an_endless_head_is_refused(app) {
        let head = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX-A: {}\r\n", "a".repeat(200_000));
        let answer = app.raw(head.as_bytes());
        assert!(
            matches!(answer.status(), None | Some(400 | 413 | 431)) && answer.closed,
            "{}",
            answer.text
        );
        let head = format!("GET /healthz?{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(200_000));
        let answer = app.raw(head.as_bytes());
        assert!(
            matches!(answer.status(), None | Some(400 | 413 | 414 | 431)) && answer.closed,
            "{}",
            answer.text
        );
        let head = format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{}\r\n", "X-A: b\r\n".repeat(1_000));
        assert!(matches!(
            app.raw(head.as_bytes()).status(),
            None | Some(400 | 413 | 431)
        ));
        app.client().get("/healthz").expect(200);
    }
}
