//! A limit server: actix-web that does one prepared SELECT by primary key on PostgreSQL, by libpq on blocking threads
//! that own their connection, and answers given headers and bytes.

use std::cell::RefCell;
use std::path::PathBuf;

use actix_web::web::{Bytes, Data, Path};
use actix_web::{App, HttpResponse, HttpServer, web};
use clap::Parser;
use diesel::prelude::*;

#[derive(Parser)]
struct Arguments {
    /// The address to serve on.
    #[arg(long)]
    listen: String,
    /// How many threads serve.
    #[arg(long)]
    workers: usize,
    /// How many connections there are in all.
    #[arg(long)]
    connections: usize,
    /// The database.
    #[arg(long)]
    database: String,
    /// The file of the header lines, `name: value`.
    #[arg(long)]
    head: PathBuf,
    /// The file of the body.
    #[arg(long)]
    body: PathBuf,
}

diesel::table! {
    /// As much of the service's table as is needed.
    accounts (id) {
        /// The id.
        id -> Text,
        /// The revision.
        revision -> BigInt,
    }
}

thread_local! {
    static CONNECTION: RefCell<Option<PgConnection>> = const { RefCell::new(None) };
}

struct Answer {
    database: String,
    head: Vec<(String, String)>,
    body: Bytes,
}

async fn answer(path: Path<(String, String)>, answer: Data<Answer>) -> HttpResponse {
    let (account, _) = path.into_inner();
    let asked = answer.clone();
    match web::block(move || revision(&asked.database, &account)).await {
        Ok(Ok(Some(_))) => {
            let mut response = HttpResponse::Ok();
            for (name, value) in &answer.head {
                response.insert_header((name.as_str(), value.as_str()));
            }
            response.body(answer.body.clone())
        }
        Ok(Ok(None)) => HttpResponse::NotFound().finish(),
        Ok(Err(error)) => HttpResponse::InternalServerError().body(error),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

fn revision(database: &str, account: &str) -> Result<Option<i64>, String> {
    CONNECTION.with_borrow_mut(|connection| {
        if connection.is_none() {
            *connection = Some(PgConnection::establish(database).map_err(|error| error.to_string())?);
        }
        let connection = connection.as_mut().ok_or("no connection")?;
        accounts::table
            .find(account)
            .select(accounts::revision)
            .first::<i64>(connection)
            .optional()
            .map_err(|error| error.to_string())
    })
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let head = std::fs::read_to_string(&arguments.head)?;
    let head = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let data = Data::new(Answer {
        database: arguments.database,
        head,
        body: Bytes::from(std::fs::read(&arguments.body)?),
    });
    let blocking = arguments.connections.div_ceil(arguments.workers).max(1);
    HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .route("/v1/accounts/{account}/{what}", web::get().to(answer))
    })
    .workers(arguments.workers)
    .worker_max_blocking_threads(blocking)
    .bind(&arguments.listen)?
    .run()
    .await
}
