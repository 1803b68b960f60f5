//! Values in the path of a request.

use std::rc::Rc;
use std::str::FromStr;

use actix_web::{HttpMessage, HttpRequest};

use crate::percent;
use crate::problem::Problem;
use crate::router::Template;

/// The text of a segment of the path, percent-decoded.
///
/// # Errors
/// 404 where it is no text (RFC 3986 section 2.1), or holds U+0000, which no name here has.
pub fn text(request: &HttpRequest, name: &str) -> Result<String, Problem> {
    let template = request.extensions().get::<Rc<Template>>().cloned();
    template
        .as_deref()
        .and_then(|template| template.value(request.path(), name))
        .and_then(|segment| percent::decode(segment, false))
        .filter(|text| !text.contains('\0'))
        .ok_or_else(Problem::not_found)
}

/// A segment of the path as what it stands for, an id or a key.
///
/// # Errors
/// 404 where it is none: there is nothing under such a name.
pub fn value<T: FromStr>(request: &HttpRequest, name: &str) -> Result<T, Problem> {
    text(request, name)?.parse().map_err(|_| Problem::not_found())
}

/// Declares arguments that read one segment of the path each:
///
/// ```ignore
/// path_values! {
///     /// The contact.
///     PathContact(ContactId) = "contact", id_schema("con");
/// }
/// ```
macro_rules! path_values {
    ($($(#[doc = $doc:literal])+ $name:ident($value:ty) = $segment:literal, $schema:expr;)*) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone)]
        pub struct $name(pub $value);

        impl actix_web::FromRequest for $name {
            type Error = $crate::problem::Problem;
            type Future = $crate::gate::Held<Self>;

            fn from_request(
                request: &actix_web::HttpRequest,
                _: &mut actix_web::dev::Payload,
            ) -> Self::Future {
                let read = $crate::path::value(request, $segment).map(Self);
                $crate::gate::held(request, $crate::gate::Rank::Path, read)
            }
        }

        impl $crate::describe::Describe for $name {
            fn describe(description: &mut $crate::describe::Description) {
                description.path($segment, concat!($($doc),+).trim(), &$schema);
            }
        }
    )*};
}
pub(crate) use path_values;

#[cfg(test)]
mod tests {
    use accounts_domain::ids::ContactId;
    use std::rc::Rc;

    use actix_web::http::Method;
    use actix_web::test::TestRequest;
    use actix_web::{FromRequest, HttpMessage, HttpRequest};

    use crate::describe::{Description, id_schema};
    use crate::problem::Code;
    use crate::router::Template;

    path_values! {
        /// The contact.
        PathContact(ContactId) = "contact", id_schema("con");
        /// A name.
        PathName(String) = "name", serde_json::json!({"type": "string"});
    }

    /// A request that the router found under a template with one value.
    fn request(template: &str, value: &str) -> HttpRequest {
        let (before, _) = template.split_once('{').unwrap();
        let request = TestRequest::with_uri(&format!("{before}{value}")).to_http_request();
        request.extensions_mut().insert(Rc::new(Template::new(template)));
        request
    }

    const CONTACT: &str = "con_01h455vb4pex5vsknk084sn02q";

    #[actix_web::test]
    async fn an_id_of_its_kind_is_read_and_another_is_not_there() {
        let read = async |text: &'static str| {
            let request = request("/contacts/{contact}", text);
            PathContact::extract(&request).await
        };
        assert_eq!(read(CONTACT).await.unwrap().0.to_string(), CONTACT);
        for text in [
            "acc_01h455vb4pex5vsknk084sn02q",
            "con_1",
            "",
            "con_01h455vb4pex5vsknk084sn02Q",
        ] {
            assert_eq!(read(text).await.unwrap_err().code(), Code::NotFound, "{text}");
        }
    }

    #[actix_web::test]
    async fn segments_are_percent_decoded() {
        let read = async |text: &'static str| {
            let request = request("/names/{name}", text);
            PathName::extract(&request).await
        };
        assert_eq!(read("a%2Fb%20+").await.unwrap().0, "a/b +");
        for text in ["%ff", "%00", "%zz"] {
            assert!(read(text).await.is_err(), "{text}");
        }
    }

    #[test]
    fn the_document_learns_the_segment() {
        let description = Description::of::<(PathContact,)>(Method::GET);
        assert_eq!(description.parameters[0]["name"], "contact");
        assert_eq!(description.parameters[0]["description"], "The contact.");
    }
}
