//! Counts in fixed windows, in the database, so that several instances agree.

use std::convert::Infallible;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;

use crate::backend::Conn;
use crate::error::{Fault, StoreError};
use crate::lanes::Verdict;
use crate::rows::{instant, stored};
use crate::schema::throttles;
use crate::snapshots::Marks;
use crate::store::Store;

/// The longest window: counters that began longer ago are thrown away.
pub const LONGEST_WINDOW: TimeDelta = TimeDelta::hours(24);

/// What is counted, and how often it may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throttle {
    /// What is counted. It holds no secret.
    pub key: String,
    /// How often it may happen within the window.
    pub limit: i32,
    /// The window, at most [`LONGEST_WINDOW`].
    pub window: TimeDelta,
}

impl Store {
    /// Counts something that is about to happen, unless a limit is reached: then nothing is counted, and the answer is
    /// the end of that window. What is counted beforehand cannot be outrun by trying many times at once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reserve(
        &self,
        throttles: Vec<Throttle>,
        at: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let throttles = in_order(throttles);
        let work = move |conn: &mut Conn| {
            for throttle in &throttles {
                if !count(conn, throttle, at)? {
                    let window = look_up(conn, throttle, at)?;
                    return Ok(Verdict::Discard(window.map(|(begun, _)| begun + throttle.window)));
                }
            }
            Ok(Verdict::Keep(None, Marks::none()))
        };
        self.lanes
            .write::<_, Infallible, _>(work)
            .await
            .map_err(StoreError::from)
    }

    /// Takes back what was counted and did not count after all: a password that was right.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forgive(&self, throttles: Vec<Throttle>) -> Result<(), StoreError> {
        let throttles = in_order(throttles);
        let all = move |conn: &mut Conn| {
            for throttle in &throttles {
                let counted = throttles::table.find(&throttle.key).filter(throttles::count.gt(0));
                diesel::update(counted)
                    .set(throttles::count.eq(throttles::count - 1))
                    .execute(conn)?;
            }
            Ok(())
        };
        self.change(all).await
    }
}

/// Rows are locked in one order, whoever counts, so that two never wait for each other.
fn in_order(mut throttles: Vec<Throttle>) -> Vec<Throttle> {
    throttles.sort_by(|one, other| one.key.cmp(&other.key));
    throttles
}

fn look_up(conn: &mut Conn, throttle: &Throttle, at: DateTime<Utc>) -> Result<Option<(DateTime<Utc>, i32)>, Fault> {
    let row = throttles::table
        .find(&throttle.key)
        .select((throttles::window_started_at, throttles::count))
        .first::<(NaiveDateTime, i32)>(conn)
        .optional()?;
    let window = row.map(|(begun, count)| (instant(begun), count));
    Ok(window.filter(|(begun, _)| at < *begun + throttle.window))
}

/// When the window ends in which this is counted.
pub(crate) fn window_end(
    conn: &mut Conn,
    throttle: &Throttle,
    at: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Fault> {
    let window = look_up(conn, throttle, at)?;
    Ok(window.map(|(begun, _)| begun + throttle.window))
}

/// Counts something that happens, and says whether it is still within the limit.
pub(crate) fn count(conn: &mut Conn, throttle: &Throttle, at: DateTime<Utc>) -> Result<bool, Fault> {
    let fresh = (
        throttles::key.eq(&throttle.key),
        throttles::window_started_at.eq(stored(at)),
        throttles::count.eq(1),
    );
    if crate::backend::insert_if_absent!(conn, throttles::table, fresh)? == 1 {
        return Ok(throttle.limit >= 1);
    }
    let row = throttles::table.find(&throttle.key);
    let ended = row.filter(throttles::window_started_at.le(stored(at - throttle.window)));
    let begun = diesel::update(ended)
        .set((throttles::window_started_at.eq(stored(at)), throttles::count.eq(1)))
        .execute(conn)?;
    if begun == 1 {
        return Ok(throttle.limit >= 1);
    }
    diesel::update(row)
        .set(throttles::count.eq(throttles::count + 1))
        .execute(conn)?;
    let counted = row.select(throttles::count).first::<i32>(conn).optional()?;
    let counted = counted.ok_or_else(|| Fault::overtaken("the counter was thrown away"))?;
    Ok(counted <= throttle.limit)
}
