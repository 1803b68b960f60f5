//! The pages behind mailed links. The link brings its code in the fragment of the address, which no
//! server sees; a script moves it into a form, and the form is sent to the API. Reading a page uses
//! nothing up, because scanners of mail follow links too.

use accounts_domain::language::Language;
use actix_web::web::Data;
use minijinja::context;

use crate::html::{Page, PageLanguage, Script, section};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::router::{Routes, routes};
use crate::settings::{ApiSettings, PublicUrl};

pub(crate) fn routes() -> Routes {
    routes![
        show_sign_up_page,
        show_verification_page,
        show_reset_page,
        show_invitation_page,
        show_email_change_page,
        show_email_undo_page
    ]
}

/// One landing page: its words, and the operations that its form is sent to. Their paths stand
/// without the leading slash, so that they are found below whatever path the service is reached at.
#[derive(Debug, Clone, Copy)]
struct Landing {
    template: &'static str,
    words: &'static str,
    /// Says what following the link would do, before it is done.
    preview: Option<&'static str>,
    confirm: &'static str,
    /// Whether a password is chosen with it.
    password: bool,
}

/// The template of what is asked and answered once.
const PAGE: &str = "landing.html";

const SIGN_UP: Landing = Landing {
    template: PAGE,
    words: "sign_up",
    preview: None,
    confirm: "v1/sign-ups/confirm",
    password: true,
};
const VERIFY: Landing = Landing {
    template: PAGE,
    words: "verify",
    preview: Some("v1/contact-verifications/preview"),
    confirm: "v1/contact-verifications/confirm",
    password: true,
};
const RESET: Landing = Landing {
    template: PAGE,
    words: "reset",
    preview: None,
    confirm: "v1/password-resets/confirm",
    password: true,
};
const EMAIL_CHANGE: Landing = Landing {
    template: PAGE,
    words: "email_change",
    preview: None,
    confirm: "v1/email-changes/confirm",
    password: false,
};
const EMAIL_UNDO: Landing = Landing {
    template: PAGE,
    words: "email_undo",
    preview: None,
    confirm: "v1/email-changes/undo",
    password: false,
};
const INVITATION: Landing = Landing {
    template: "invitation.html",
    words: "invitation",
    preview: Some("v1/invitations/preview"),
    confirm: "v1/invitations/accept",
    password: true,
};

/// Where the other answer to an invitation goes.
const DECLINE: &str = "v1/invitations/decline";

impl Landing {
    fn show(self, language: Language, public_url: &PublicUrl) -> Result<Reply, Problem> {
        let page = Page {
            template: self.template,
            words: self.words,
            script: Script::Form,
        };
        let values = context! {
            form => section(language, "form"),
            preview => self.preview,
            confirm => self.confirm,
            decline => DECLINE,
            password => self.password,
            command => self.command(public_url),
        };
        page.show(language, values)
    }

    /// What does the same without the page.
    fn command(self, public_url: &PublicUrl) -> String {
        let url = public_url.at(&format!("/{}", self.confirm));
        let password = if self.password {
            ", \"password\": \"PASSWORD\""
        } else {
            ""
        };
        format!("curl {url} -H 'Content-Type: application/json' \\\n  -d '{{\"token\": \"CODE\"{password}}}'")
    }
}

/// The page that opens an account
///
/// Behind the link of a sign-up mail: asks for a password and sends it with the code to
/// `POST /v1/sign-ups/confirm`.
#[utoipa::path(
    get,
    path = "/sign-up",
    tag = "pages",
    responses((status = 200, description = "The page.", content_type = "text/html", body = String))
)]
async fn show_sign_up_page(
    PageLanguage(language): PageLanguage,
    settings: Data<ApiSettings>,
) -> Result<Reply, Problem> {
    SIGN_UP.show(language, &settings.public_url)
}

/// The page that confirms an address
///
/// Behind the link of a verification mail: shows what `POST /v1/contact-verifications/preview` says
/// and sends the code, with a password where one is needed, to `POST
/// /v1/contact-verifications/confirm`.
#[utoipa::path(
    get,
    path = "/verify",
    tag = "pages",
    responses((status = 200, description = "The page.", content_type = "text/html", body = String))
)]
async fn show_verification_page(
    PageLanguage(language): PageLanguage,
    settings: Data<ApiSettings>,
) -> Result<Reply, Problem> {
    VERIFY.show(language, &settings.public_url)
}

/// The page that sets a new password
///
/// Behind the link of a reset mail: asks for a password and sends it with the code to
/// `POST /v1/password-resets/confirm`.
#[utoipa::path(
    get,
    path = "/reset",
    tag = "pages",
    responses((status = 200, description = "The page.", content_type = "text/html", body = String))
)]
async fn show_reset_page(PageLanguage(language): PageLanguage, settings: Data<ApiSettings>) -> Result<Reply, Problem> {
    RESET.show(language, &settings.public_url)
}

/// The page that answers an invitation
///
/// Behind the link of an invitation's mail: shows what `POST /v1/invitations/preview` says and sends the code, with the
/// password that is chosen or there already, to `POST /v1/invitations/accept`, or without it to `POST
/// /v1/invitations/decline`.
#[utoipa::path(
    get,
    path = "/invitation",
    tag = "pages",
    responses((status = 200, description = "The page.", content_type = "text/html", body = String))
)]
async fn show_invitation_page(
    PageLanguage(language): PageLanguage,
    settings: Data<ApiSettings>,
) -> Result<Reply, Problem> {
    INVITATION.show(language, &settings.public_url)
}

/// The page that changes the address of a log-in
///
/// Behind the link to the new address: sends its code to `POST /v1/email-changes/confirm`.
#[utoipa::path(
    get,
    path = "/email-change",
    tag = "pages",
    responses((status = 200, description = "The page.", content_type = "text/html", body = String))
)]
async fn show_email_change_page(
    PageLanguage(language): PageLanguage,
    settings: Data<ApiSettings>,
) -> Result<Reply, Problem> {
    EMAIL_CHANGE.show(language, &settings.public_url)
}

/// The page that gives a log-in its former address back
///
/// Behind the link to the old address: sends its code to `POST /v1/email-changes/undo`.
#[utoipa::path(
    get,
    path = "/email-undo",
    tag = "pages",
    responses((status = 200, description = "The page.", content_type = "text/html", body = String))
)]
async fn show_email_undo_page(
    PageLanguage(language): PageLanguage,
    settings: Data<ApiSettings>,
) -> Result<Reply, Problem> {
    EMAIL_UNDO.show(language, &settings.public_url)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::CACHE_CONTROL;

    use super::*;
    use crate::html::tests::{opened, without_elements};
    use crate::links::LinkPurpose;

    const PAGES: [(Landing, LinkPurpose); 6] = [
        (INVITATION, LinkPurpose::Invitation),
        (SIGN_UP, LinkPurpose::SignUp),
        (VERIFY, LinkPurpose::Verification),
        (RESET, LinkPurpose::Reset),
        (EMAIL_CHANGE, LinkPurpose::EmailChange),
        (EMAIL_UNDO, LinkPurpose::EmailUndo),
    ];

    fn public_url() -> PublicUrl {
        PublicUrl::parse("https://accounts.example").unwrap()
    }

    #[actix_web::test]
    async fn every_mailed_link_has_its_page_and_every_page_its_operations() {
        let paths: Vec<String> = routes().list().into_iter().map(|(_, path)| path).collect();
        for (landing, purpose) in PAGES {
            assert!(paths.contains(&purpose.page().to_owned()), "{}", purpose.page());
            let page = opened(landing.show(Language::En, &public_url()).unwrap()).await;
            let html = page.html.replace("&#x2f;", "/");
            assert!(html.contains(&format!("data-post=\"{}\"", landing.confirm)), "{html}");
            assert!(
                html.contains(&format!("curl https://accounts.example/{}", landing.confirm)),
                "{html}"
            );
        }
    }

    #[actix_web::test]
    async fn nothing_is_kept_and_the_browser_itself_sends_nothing() {
        for (landing, _) in PAGES {
            let page = opened(landing.show(Language::En, &public_url()).unwrap()).await;
            assert_eq!(page.header(CACHE_CONTROL), "no-store");
            assert!(page.policy().contains("form-action 'none'"));
            assert!(page.policy().contains("connect-src 'self'"));
            // Should the policy be passed over, the code is still in no address.
            assert!(!page.html.contains("<form") || page.html.contains("<form method=\"post\""));
        }
    }

    #[actix_web::test]
    async fn every_field_has_a_label_and_every_step_a_place_for_the_focus() {
        for language in Language::ALL {
            for (landing, _) in PAGES {
                let page = opened(landing.show(language, &public_url()).unwrap()).await;
                let html = without_elements(&page.html, &["script", "style"]);
                for input in html.split("<input ").skip(1) {
                    let tag = input.split('>').next().unwrap();
                    let labelled = match tag.split("id=\"").nth(1) {
                        Some(id) => html.contains(&format!("<label for=\"{}\">", id.split('"').next().unwrap())),
                        None => tag.contains("data-reveal"),
                    };
                    assert!(labelled, "{tag}");
                }
                for step in html.split("<section data-step").skip(2) {
                    assert!(step.contains("<h2 tabindex=\"-1\">"), "{step}");
                }
                assert!(html.contains("role=\"alert\""));
                assert!(html.contains("<noscript>"));
            }
        }
    }

    #[actix_web::test]
    async fn an_invitation_is_accepted_or_declined() {
        let page = opened(INVITATION.show(Language::En, &public_url()).unwrap()).await;
        let html = page.html.replace("&#x2f;", "/");
        for operation in ["preview", "accept", "decline"] {
            let post = format!("data-post=\"v1/invitations/{operation}\"");
            assert!(html.contains(&post), "{html}");
        }
        for part in ["name_required", "password_required", "login"] {
            assert!(html.contains(&format!("<fieldset data-if=\"{part}\">")), "{part}");
        }
        assert!(html.contains("data-next=\"declined\"") && html.contains("id=\"declined\""));
    }

    #[actix_web::test]
    async fn the_password_of_a_verification_is_asked_for_only_where_it_is_needed() {
        let page = opened(VERIFY.show(Language::Fr, &public_url()).unwrap()).await;
        assert!(page.html.contains("<fieldset data-if=\"password_required\">"));
        assert_eq!(page.html.matches("type=\"password\"").count(), 1);
        let plain = opened(EMAIL_CHANGE.show(Language::Fr, &public_url()).unwrap()).await;
        assert!(!plain.html.contains("type=\"password\"") && !plain.html.contains("PASSWORD"));
        for field in ["account_name", "address", "display_name"] {
            assert!(page.html.contains(&format!("data-show=\"{field}\"")));
        }
    }
}
