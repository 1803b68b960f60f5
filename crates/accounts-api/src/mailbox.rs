//! The mails that a service without a mail server has written to a folder, for whoever tries it out.
//! Where mails are really sent there is no such page.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use actix_web::web::{self, Data};
use mail_parser::{Address, DateTime, MessageParser};
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use crate::html::{Page, PageLanguage, Script};
use crate::path::path_values;
use crate::problem::{Problem, refusal};
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::service::Service;

/// How many mails are listed.
const LISTED: usize = 50;
/// The size of the longest mail that is shown, in bytes. The service writes none that comes near.
const LONGEST: u64 = 1024 * 1024;

const LIST: Page = Page {
    template: "mails.html",
    words: "mailbox",
    script: Script::None,
};
const ONE: Page = Page {
    template: "one_mail.html",
    words: "mailbox",
    script: Script::None,
};

path_values! {
    /// The name of the mail's file.
    PathFile(String) = "file", serde_json::json!({"type": "string", "pattern": "^[A-Za-z0-9_-]+\\.eml$", "maxLength": 128});
}

pub(crate) fn routes() -> Routes {
    routes![list_mails, show_mail]
}

/// List the mails that were written
///
/// A page for people with the newest mails, their links ready to be followed. It exists only where
/// the service writes mails to a folder instead of sending them; 404 anywhere else.
#[utoipa::path(
    get,
    path = "/mailbox",
    tag = "pages",
    responses(
        (status = 200, description = "The page.", content_type = "text/html", body = String),
        refusal::NotFound,
    )
)]
async fn list_mails(PageLanguage(language): PageLanguage, service: Data<Service>) -> Result<Reply, Problem> {
    let (mails, older) = look(&service, |folder| newest(folder, LISTED)).await?;
    LIST.show(language, context! { mails => Serde(mails), older })
}

/// Show a mail that was written
///
/// A page for people with one mail of the folder.
#[utoipa::path(
    get,
    path = "/mailbox/{file}",
    tag = "pages",
    responses(
        (status = 200, description = "The page.", content_type = "text/html", body = String),
        refusal::NotFound,
    )
)]
async fn show_mail(
    PathFile(file): PathFile,
    PageLanguage(language): PageLanguage,
    service: Data<Service>,
) -> Result<Reply, Problem> {
    let file = FileName::parse(&file).ok_or_else(Problem::not_found)?;
    let mail = look(&service, move |folder| read(folder, file)).await?;
    ONE.show(language, context! { mail => Serde(mail) })
}

/// Looks into the folder, on a thread that may wait for the disk.
async fn look<T, F>(service: &Service, look: F) -> Result<T, Problem>
where
    F: FnOnce(&Path) -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    let folder: PathBuf = service.mailbox.clone().ok_or_else(Problem::not_found)?;
    let looked = web::block(move || look(&folder)).await.map_err(Problem::unavailable)?;
    looked.map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            Problem::not_found()
        } else {
            Problem::internal(error)
        }
    })
}

/// The name of a mail's file. It names a file of the folder itself and none outside: letters, digits,
/// `_` and `-`, then `.eml`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct FileName(String);

impl FileName {
    fn parse(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".eml")?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let taken = !stem.is_empty() && name.len() <= 128 && stem.bytes().all(plain);
        taken.then(|| Self(name.to_owned()))
    }
}

/// A mail as it is shown.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct ShownMail {
    file: String,
    date: String,
    to: String,
    subject: String,
    text: Vec<Piece>,
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Piece {
    text: String,
    /// Whether the text is an address that can be followed.
    link: bool,
}

/// The newest mails, and whether there are more. The names of their files begin with the time.
fn newest(folder: &Path, most: usize) -> io::Result<(Vec<ShownMail>, bool)> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // The folder is made with the first mail.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), false)),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().to_str().and_then(FileName::parse));
    }
    names.sort_unstable_by(|one, other| other.cmp(one));
    let older = names.len() > most;
    names.truncate(most);
    // What cannot be read, or has gone meanwhile, does not hide the others.
    let mails = names.into_iter().filter_map(|name| read(folder, name).ok());
    Ok((mails.collect(), older))
}

fn read(folder: &Path, FileName(file): FileName) -> io::Result<ShownMail> {
    let path = folder.join(&file);
    // A link could lead out of the folder.
    let about = fs::symlink_metadata(&path)?;
    if !about.is_file() || about.len() > LONGEST {
        return Err(io::ErrorKind::NotFound.into());
    }
    let raw = fs::read(&path)?;
    let mail = MessageParser::default().parse(&raw).ok_or(io::ErrorKind::NotFound)?;
    let to = mail
        .to()
        .into_iter()
        .flat_map(Address::iter)
        .filter_map(|to| to.address.as_deref());
    Ok(ShownMail {
        date: mail.date().map(DateTime::to_rfc3339).unwrap_or_default(),
        to: to.collect::<Vec<_>>().join(", "),
        subject: mail.subject().unwrap_or_default().to_owned(),
        text: pieces(mail.body_text(0).unwrap_or_default().trim_end()),
        file,
    })
}

/// A text with its web addresses apart. An address ends at a blank or a bracket; the signs that end
/// a sentence are not part of it.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut push = |text: &str, link: bool| {
        if !text.is_empty() {
            pieces.push(Piece {
                text: text.to_owned(),
                link,
            });
        }
    };
    let mut rest = text;
    while let Some(start) = [rest.find("http://"), rest.find("https://")]
        .into_iter()
        .flatten()
        .min()
    {
        let (before, from) = rest.split_at(start);
        let ends = |sign: char| sign.is_whitespace() || matches!(sign, '<' | '>' | '"');
        let address = from.split(ends).next().unwrap_or_default();
        let address = address.trim_end_matches(['.', ',', ';', ':', '!', '?', ')']);
        let (address, after) = from.split_at(address.len());
        push(before, false);
        push(address, true);
        rest = after;
    }
    push(rest, false);
    pieces
}

#[cfg(test)]
mod tests {
    use accounts_domain::language::Language;

    use super::*;
    use crate::html::tests::{Opened, opened};

    const LINK: &str = "http://localhost:8080/sign-up#token=sgn_01h455vb4pex5vsknk084sn02q.abc-_9";

    fn folder(mails: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in mails {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn mail(subject: &str, text: &str) -> String {
        format!(
            "From: a@provider.example\r\nTo: <bea@lima.example>\r\nSubject: {subject}\r\n\
             Date: Sat, 21 Nov 2026 22:41:00 +0000\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        )
    }

    async fn listed(folder: &Path) -> Opened {
        let (mails, older) = newest(folder, LISTED).unwrap();
        opened(
            LIST.show(Language::En, context! { mails => Serde(mails), older })
                .unwrap(),
        )
        .await
    }

    #[test]
    fn only_plain_names_of_mails_are_taken() {
        assert!(FileName::parse("20261121T224100000000Z_mai_01h455vb4pex5vsknk084sn02q.eml").is_some());
        let long = format!("{}.eml", "a".repeat(125));
        for name in [
            "",
            ".eml",
            "a",
            "a.txt",
            "../a.eml",
            "a/b.eml",
            "a\\b.eml",
            "/a.eml",
            ".a.eml",
            "..eml",
            "a..eml",
            "a.eml/",
            "a.eml ",
            "a\0.eml",
            "C:a.eml",
            "é.eml",
            "a.EML",
            ".a.unfinished",
            &long,
        ] {
            assert_eq!(FileName::parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn the_newest_stands_first_and_the_number_is_bounded() {
        let folder = folder(&[
            ("2026_1.eml", &mail("first", "one")),
            ("2026_3.eml", &mail("third", "three")),
            ("2026_2.eml", &mail("second", "two")),
            (".2026_4.unfinished", "half"),
            ("notes.txt", "not a mail"),
        ]);
        let (mails, older) = newest(folder.path(), 2).unwrap();
        let subjects: Vec<&str> = mails.iter().map(|mail| mail.subject.as_str()).collect();
        assert_eq!((subjects, older), (vec!["third", "second"], true));
        assert!(!newest(folder.path(), 3).unwrap().1);
        assert_eq!(newest(&folder.path().join("missing"), 3).unwrap(), (Vec::new(), false));
        assert_eq!(
            (mails[0].to.as_str(), mails[0].date.as_str()),
            ("bea@lima.example", "2026-11-21T22:41:00Z")
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_folder_is_not_followed() {
        let outside = folder(&[("secret.eml", &mail("secret", "secret"))]);
        let folder = folder(&[]);
        std::os::unix::fs::symlink(outside.path().join("secret.eml"), folder.path().join("a.eml")).unwrap();
        fs::create_dir(folder.path().join("b.eml")).unwrap();
        for name in ["a.eml", "b.eml", "c.eml"] {
            let refused = read(folder.path(), FileName::parse(name).unwrap()).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::NotFound, "{name}");
        }
        assert_eq!(newest(folder.path(), 9).unwrap(), (Vec::new(), false));
    }

    #[actix_web::test]
    async fn links_can_be_followed_and_everything_is_escaped() {
        let text = format!("Hello <b>Bea</b>,\r\n\r\nfollow {LINK}.\r\nhttps://x.example/\"onclick=alert(1)");
        let folder = folder(&[("a.eml", &mail("<script>alert(1)</script>", &text))]);
        let page = listed(folder.path()).await;
        let html = page.html.replace("&#x2f;", "/");
        assert!(html.contains(&format!("<a href=\"{LINK}\">{LINK}</a>.")), "{html}");
        assert!(html.contains("<a href=\"https://x.example/\">"), "{html}");
        assert!(html.contains("&lt;b&gt;Bea&lt;/b&gt;"));
        assert!(!html.contains("<script"));
        assert!(html.contains("<h2>&lt;script&gt;"));
        assert!(html.contains("<a href=\"mailbox/a.eml?lang=en\">"));
    }

    #[actix_web::test]
    async fn an_empty_folder_says_so() {
        let page = listed(folder(&[]).path()).await;
        assert!(page.html.contains("No mail was written yet."));
    }

    #[test]
    fn a_text_is_the_sum_of_its_pieces() {
        for text in [
            "",
            "plain",
            LINK,
            "see http://a.example, or https://b.example/x?y=1&z=2). End",
            "http://",
            "https://é",
        ] {
            let whole: String = pieces(text).into_iter().map(|piece| piece.text).collect();
            assert_eq!(whole, text);
        }
        assert_eq!(
            pieces(LINK),
            [Piece {
                text: LINK.to_owned(),
                link: true
            }]
        );
    }
}
