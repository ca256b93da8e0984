//! `alluvium demo`: the whole job over real HTTP, against an API inside this program.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use alluvium::config::{self, Options};
use alluvium::pipeline::RunStatus;

use super::args::{DemoArgs, Output};
use super::demo_api::{API_KEY, DemoApi};
use super::exit::Exit;
use super::{render, run};

/// Serves the API only, or loads from it.
pub(crate) async fn demo(args: &DemoArgs) -> Exit {
    let address = args.serve.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let bound = match DemoApi::bind(address).await {
        Ok(api) => api.address().map(|address| (api, address)),
        Err(error) => Err(error),
    };
    let (api, address) = match bound {
        Ok(bound) => bound,
        Err(error) => {
            render::problem(&format!("could not listen on {address}: {error}"));
            return Exit::Failed;
        }
    };
    if args.serve.is_some() {
        return serve(api, address).await;
    }
    tokio::select! {
        exit = load(args, address) => exit,
        // It serves as long as it is asked to.
        () = api.serve() => Exit::Failed,
    }
}

async fn serve(api: DemoApi, address: SocketAddr) -> Exit {
    render::problem(&format!("serving http://{address}/v1/earthquakes?api_key={API_KEY}&offset=0&limit=100"));
    render::problem("press Ctrl-C to stop");
    tokio::select! {
        () = api.serve() => {}
        // Both ends are the end.
        _ = tokio::signal::ctrl_c() => {}
    }
    Exit::Ok
}

async fn load(args: &DemoArgs, address: SocketAddr) -> Exit {
    let file = args.folder.join("earthquakes.yaml");
    let written = std::fs::create_dir_all(&args.folder).and_then(|()| std::fs::write(&file, config_text(address)));
    if let Err(error) = written {
        render::problem(&format!("could not write {}: {error}", file.display()));
        return Exit::Failed;
    }
    let options = Options { to: Some(args.folder.display().to_string()), ..Options::default() };
    let plan = match config::load(&file, &options) {
        Ok(plan) => plan,
        Err(problems) => {
            let errors: Vec<_> = problems.as_slice().iter().map(render::config_error).collect();
            render::refused(args.show.output, &errors);
            return Exit::NotStarted;
        }
    };
    let report = run::run_plan(&plan, args.show).await;
    render::report(args.show.output, &report);
    if report.status == RunStatus::Ok && args.show.output == Output::Text {
        render::out(&how_to_read(&args.folder, &file));
    }
    Exit::of(&report)
}

fn config_text(address: SocketAddr) -> String {
    format!(
        "# Written by `alluvium demo`. The API lives as long as the demo; to load again by hand:
#   alluvium demo --serve {address}
#   alluvium run earthquakes.yaml --to .
client:
  base_url: http://{address}
  auth:
    type: api_key
    name: api_key
    # a real key belongs into the environment: ${{env:API_KEY}}
    api_key: {API_KEY}
    location: query

resource_defaults:
  primary_key: id
  write_disposition: merge

resources:
  - name: earthquakes
    endpoint:
      path: /v1/earthquakes
      data_selector: data
      paginator:
        type: offset
        limit: 100
"
    )
}

fn how_to_read(folder: &Path, file: &Path) -> String {
    let table = folder.join("earthquakes");
    let table = std::path::absolute(&table).unwrap_or(table);
    let table = table.display();
    format!(
        "
The config is {}. Read the table with

  DuckDB   SELECT properties.place, properties.mag FROM delta_scan('{table}') ORDER BY 2 DESC LIMIT 5;
  Spark    spark.read.format('delta').load('{table}').select('properties.place', 'properties.mag').show(5)
  polars   pl.scan_delta('{table}').select(pl.col('properties').struct.field('place', 'mag')).head(5).collect()",
        file.display()
    )
}
