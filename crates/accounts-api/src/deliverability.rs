//! Reports of the mailer: whether mail to an address arrives.

use accounts_domain::address::EmailAddress;
use accounts_domain::deliverability::DeliveryReport;
use accounts_store::Reached;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::{Checked, Faults, Parse};
use crate::guards::ReportsDeliverability;
use crate::problem::{FieldFault, Problem};
use crate::reply::Reply;
use crate::router::{Routes, routes};

pub(crate) fn routes() -> Routes {
    routes![report_deliverability]
}

/// What became of a mail.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"address": "bea@lima.example", "deliverability": "bounced"}))]
pub struct DeliverabilityReportBody {
    /// The address that it was sent to.
    #[schema(required = true, nullable = false, min_length = 3, max_length = 254, format = Email)]
    address: Option<String>,
    /// `ok` (it arrived), `bounced` (it came back for good: leave out what is tried again) or `complained` (its reader called
    /// it unwanted).
    #[schema(required = true, nullable = false, pattern = "^(ok|bounced|complained)$")]
    deliverability: Option<String>,
}

/// A report that was read.
#[derive(Debug)]
pub struct Report {
    address: EmailAddress,
    report: DeliveryReport,
}

impl Parse for DeliverabilityReportBody {
    type Parsed = Report;

    fn parse(self, faults: &mut Faults) -> Option<Report> {
        let address = faults.text("address", self.address, EmailAddress::parse);
        let known = || FieldFault::not_allowed(DeliveryReport::ALL.map(DeliveryReport::as_str));
        let report = faults.text("deliverability", self.deliverability, |text| {
            DeliveryReport::from_name(text).ok_or_else(known)
        });
        Some(Report {
            address: address?,
            report: report?,
        })
    }
}

/// A contact that is reached by the address.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReachedContact {
    /// The account.
    #[schema(example = "acc_01h455vb4pex5vsknk084sn02q")]
    account_id: String,
    /// The contact.
    #[schema(example = "con_01h455vb4pex5vsknk084sn02q")]
    contact_id: String,
    /// What holds now: `ok`, `bounced` or `complained`.
    #[schema(example = "bounced")]
    deliverability: &'static str,
}

/// The person who logs in with the address.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReachedUser {
    /// The user.
    #[schema(example = "usr_01h455vb4pex5vsknk084sn02q")]
    user_id: String,
    /// What holds now: `ok`, `bounced` or `complained`.
    #[schema(example = "bounced")]
    deliverability: &'static str,
}

/// Whom a report concerns.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliverabilityAnswer {
    /// The address, as it is compared.
    #[schema(example = "bea@lima.example")]
    address: String,
    /// The contacts that have it, by account; none where nobody does. An address that waits to replace another is left out:
    /// its verification tells whether mail arrives.
    contacts: Vec<ReachedContact>,
    /// Who logs in with it.
    #[schema(required = true)]
    user: Option<ReachedUser>,
}

impl DeliverabilityAnswer {
    fn of(address: &EmailAddress, reached: Reached) -> Self {
        let contacts = reached.contacts.into_iter();
        Self {
            address: address.key().to_owned(),
            contacts: contacts
                .map(|(account, contact, known)| ReachedContact {
                    account_id: account.to_string(),
                    contact_id: contact.to_string(),
                    deliverability: known.as_str(),
                })
                .collect(),
            user: reached.user.map(|(user, known)| ReachedUser {
                user_id: user.to_string(),
                deliverability: known.as_str(),
            }),
        }
    }
}

/// Report whether mail to an address arrives
///
/// For the mailer, which learns of bounces and complaints after a server has accepted the mail. Notices go to an address no
/// more from which mail came back or whose reader complained; where a mandatory category has nobody else, its owner's
/// address is tried all the same. Mails that a person asks for, a reset or a verification, still go there. A bounce is
/// cleared by a later `ok`; both are by another address, and by proving the same one anew: a contact's by a verification
/// mail, which may be sent again then, a log-in's by a reset. The same report again changes nothing, and so does one of an
/// address that nobody has; no `Idempotency-Key` is needed. Reports hold in the order in which they come.
#[utoipa::path(
    post,
    path = "/v1/deliverability-reports",
    tag = "integrations",
    responses((status = 200, description = "Whom it concerns, and what holds now.", body = DeliverabilityAnswer))
)]
async fn report_deliverability(
    caller: ReportsDeliverability,
    Checked(Report { address, report }): Checked<DeliverabilityReportBody>,
) -> Result<Reply, Problem> {
    let store = &caller.service.store;
    let reached = store.note_delivery(&address, report, &caller.act()).await?;
    Ok(Reply::ok(&DeliverabilityAnswer::of(&address, reached)))
}
