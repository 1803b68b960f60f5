//! A limit server: actix-web that answers given headers and bytes, and does nothing else.

use std::path::PathBuf;

use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer, web};
use clap::Parser;

#[derive(Parser)]
struct Arguments {
    /// The address to serve on.
    #[arg(long)]
    listen: String,
    /// How many threads serve.
    #[arg(long)]
    workers: usize,
    /// The file of the header lines, `name: value`.
    #[arg(long)]
    head: PathBuf,
    /// The file of the body.
    #[arg(long)]
    body: PathBuf,
}

struct Answer {
    head: Vec<(String, String)>,
    body: Bytes,
}

async fn answer(answer: Data<Answer>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    for (name, value) in &answer.head {
        response.insert_header((name.as_str(), value.as_str()));
    }
    response.body(answer.body.clone())
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
    let body = Bytes::from(std::fs::read(&arguments.body)?);
    let data = Data::new(Answer { head, body });
    HttpServer::new(move || App::new().app_data(data.clone()).default_service(web::to(answer)))
        .workers(arguments.workers)
        .bind(&arguments.listen)?
        .run()
        .await
}
