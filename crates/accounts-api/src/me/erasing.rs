//! The person goes, with all that is kept of it.

use accounts_domain::change::Change;
use accounts_store::Erasure;
use serde::Serialize;
use utoipa::ToSchema;

use crate::guards::Reauthenticated;
use crate::problem::{Problem, refusal};
use crate::query::Preview;
use crate::reply::Reply;
use crate::router::{Routes, routes};

pub(super) fn routes() -> Routes {
    routes![erase_me]
}

/// An account that a person leaves.
#[derive(Debug, Serialize, ToSchema)]
pub struct LeftAccount {
    /// The account.
    #[schema(example = "acc_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// Its name.
    #[schema(example = "Lima Ltd")]
    name: String,
    /// The contact that the person was there, which is erased, too.
    #[schema(required = true, example = "con_01h455vb4pex5vsknk084sn02q")]
    contact_id: Option<String>,
}

/// What goes with a person.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErasureView {
    /// Whether nothing was changed because nothing was to be.
    dry_run: bool,
    /// The accounts in which the person had a place.
    accounts: Vec<LeftAccount>,
    /// How many sessions end.
    #[schema(minimum = 0)]
    sessions: usize,
    /// How many API keys open nothing any more.
    #[schema(minimum = 0)]
    api_keys: usize,
    /// How many invitations to the person end.
    #[schema(minimum = 0)]
    invitations: usize,
    /// How many requests of the person to join accounts end.
    #[schema(minimum = 0)]
    join_requests: usize,
}

impl ErasureView {
    /// What goes, or would go.
    pub(crate) fn of(erasure: &Erasure, dry_run: bool) -> Self {
        let mut accounts = Vec::new();
        for (roster, changes) in &erasure.accounts {
            for change in changes {
                if let Change::MemberLeft { contact, .. } | Change::MemberRemoved { contact, .. } = change {
                    accounts.push(LeftAccount {
                        id: roster.account().id.to_string(),
                        name: roster.account().profile.name.to_string(),
                        contact_id: contact.map(|contact| contact.to_string()),
                    });
                }
            }
        }
        let count = |is_it: fn(&Change) -> bool| {
            let all = erasure.accounts.iter().flat_map(|(_, changes)| changes);
            all.filter(|change| is_it(change)).count()
        };
        Self {
            dry_run,
            accounts,
            sessions: erasure.person.sessions.len(),
            api_keys: erasure.person.api_keys.len(),
            invitations: count(|change| matches!(change, Change::InvitationEnded { .. })),
            join_requests: count(|change| matches!(change, Change::JoinRequestEnded { .. })),
        }
    }
}

/// Erase me
///
/// The log-in goes, with names and addresses, everywhere: memberships end, and the contacts that the caller is in accounts
/// are erased with them; sessions, keys, the second factor, links and invitations to the address end; the audit logs keep
/// what happened, and not to whom. The address can sign up again. A contact with the same address that is nobody's log-in is
/// the account's, and erased there.
///
/// Whoever owns an account, or holds roles in one, hands them over first: `accounts` of the refusal names them. Asked once more
/// the answer is 401, because there is nobody any more.
#[utoipa::path(
    post,
    path = "/v1/me/erase",
    tag = "me",
    responses(
        (status = 200, description = "What has gone, or with `dry_run` what would go.", body = ErasureView),
        refusal::PlacesHeld,
    )
)]
async fn erase_me(person: Reauthenticated, Preview { dry_run }: Preview) -> Result<Reply, Problem> {
    let (store, act) = (&person.service.store, person.act(None));
    let erasure = if dry_run {
        store.preview_erasure(person.user.id, &act).await?
    } else {
        store.erase_user(person.user.id, None, &act).await?
    };
    Ok(Reply::ok(&ErasureView::of(&erasure, dry_run)))
}
