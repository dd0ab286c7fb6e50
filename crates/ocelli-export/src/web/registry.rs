//! Where ONNX Runtime Web comes from if nobody gives it: npm's registry, once, and from then on a folder of this machine.

use std::env;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use super::package::{PACKAGE, Runtime, VERSION};
use crate::ExportError;

/// npm's own.
const REGISTRY: &str = "https://registry.npmjs.org";
/// How long a registry may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// A registry of npm's packages, and where what it gave is kept. Proxies are those that `HTTPS_PROXY` and `HTTP_PROXY` name.
#[derive(Clone, Debug)]
pub struct Registry {
    /// Its address.
    pub address: String,
    /// The folder for what was fetched; without one it is fetched every time.
    pub cache: Option<PathBuf>,
    /// A file of certificates (PEM), one of which must have signed the registry's, in place of those of the web's authorities.
    pub certificates: Option<PathBuf>,
}

impl Registry {
    /// What the environment says: the address in `npm_config_registry` or `NPM_CONFIG_REGISTRY`, as npm has it, else npm's own; certificates
    /// in `SSL_CERT_FILE`; a folder in that of [`cache_folder`](ocelli_data::cache_folder).
    pub fn usual() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let address = set("npm_config_registry").or_else(|| set("NPM_CONFIG_REGISTRY"));
        Self {
            address: address
                .map_or_else(|| REGISTRY.to_owned(), |address| address.to_string_lossy().into_owned()),
            cache: ocelli_data::cache_folder().map(|folder| folder.join("onnxruntime-web").join(VERSION)),
            certificates: set("SSL_CERT_FILE").map(PathBuf::from),
        }
    }

    /// What is kept, else what the registry gives; `progress` hears how many bytes have come, and of how many, after each.
    ///
    /// # Errors
    /// The registry cannot be reached, does not have it, or gives something else.
    pub fn runtime(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Runtime, ExportError> {
        if let Some(kept) = self.cache.as_deref().and_then(|folder| Runtime::of_folder(folder).ok()) {
            return Ok(kept);
        }
        let address = self.package();
        let unreachable = |reason: String| ExportError::Unreachable { address: address.clone(), reason };
        let bytes = self.fetch(&address, progress).map_err(unreachable)?;
        let runtime = Runtime::of_package(&address, &bytes)?;
        if let Some(folder) = &self.cache {
            // Where it cannot be kept, nothing but time is lost.
            let _ = runtime.keep(folder);
        }
        Ok(runtime)
    }

    /// The package's address.
    fn package(&self) -> String {
        format!("{}/onnxruntime-web/-/{}", self.address.trim_end_matches('/'), PACKAGE.name)
    }

    fn fetch(&self, address: &str, progress: &mut dyn FnMut(u64, u64)) -> Result<Vec<u8>, String> {
        let agent = self.agent()?;
        let mut response = agent.get(address).call().map_err(|error| error.to_string())?;
        let most = PACKAGE.bytes + 1;
        let mut reader = response.body_mut().with_config().limit(most).reader();
        let (mut bytes, mut piece) = (Vec::new(), vec![0; 1 << 16]);
        loop {
            let read = reader.read(&mut piece).map_err(|error| error.to_string())?;
            if read == 0 {
                return Ok(bytes);
            }
            bytes.extend_from_slice(&piece[..read]);
            progress(bytes.len() as u64, PACKAGE.bytes);
        }
    }

    fn agent(&self) -> Result<Agent, String> {
        let roots = match &self.certificates {
            Some(path) => RootCerts::Specific(Arc::new(
                certificates(path).map_err(|error| format!("{}: {error}", path.display()))?,
            )),
            None => RootCerts::WebPki,
        };
        let tls = TlsConfig::builder().provider(TlsProvider::Rustls).root_certs(roots).build();
        let config = Agent::config_builder()
            .timeout_connect(Some(SILENCE))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .user_agent(concat!("ocelli/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build();
        Ok(config.into())
    }
}

fn certificates(path: &PathBuf) -> io::Result<Vec<Certificate<'static>>> {
    let text = std::fs::read(path)?;
    let found = parse_pem(&text).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let found: Vec<_> = found.collect();
    if found.is_empty() { Err(io::Error::other("it has no certificate in PEM")) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A registry that gives everyone this answer; and the first line of each request that came.
    fn answering(answer: &'static [u8], requests: usize) -> (Registry, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}/npm/", listener.local_addr().expect("an address"));
        let server = thread::spawn(move || {
            let answered = listener.incoming().take(requests).map(|stream| {
                let mut stream = stream.expect("a connection");
                let lines = BufReader::new(stream.try_clone().expect("a connection")).lines();
                let asked: Vec<String> =
                    lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                stream.write_all(answer).expect("an answer");
                asked[0].clone()
            });
            answered.collect()
        });
        (Registry { address, cache: None, certificates: None }, server)
    }

    fn refused(registry: &Registry) -> String {
        registry.runtime(&mut |_, _| {}).expect_err("no package").to_string()
    }

    #[test]
    fn what_a_registry_says_instead_is_told() {
        let (registry, server) =
            answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 1);
        let told = refused(&registry);
        assert!(told.contains("cannot be fetched") && told.contains("404"), "{told}");
        let asked = server.join().expect("a server");
        assert_eq!(asked, ["GET /npm/onnxruntime-web/-/onnxruntime-web-1.30.0.tgz HTTP/1.1"]);
    }

    #[test]
    fn another_package_or_half_of_it_is_not_kept() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
        let half = b"HTTP/1.1 200 OK\r\nContent-Length: 33106585\r\nConnection: close\r\n\r\nhello";
        for (answer, reason) in [(&whole[..], "has 5 bytes, not 33106585"), (&half[..], "cannot be fetched")]
        {
            let (mut registry, server) = answering(answer, 1);
            registry.cache = Some(folder.path().join("kept"));
            let told = refused(&registry);
            assert!(told.contains(reason), "{told}");
            assert!(!folder.path().join("kept").exists());
            server.join().expect("a server");
        }
    }

    #[test]
    fn no_registry_is_an_error_that_names_it() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        drop(listener);
        let registry = Registry { address: address.clone(), cache: None, certificates: None };
        assert!(refused(&registry).starts_with(&address), "{}", refused(&registry));
        let registry = Registry { certificates: Some("/no/such/file".into()), ..registry };
        assert!(refused(&registry).contains("/no/such/file"), "{}", refused(&registry));
    }
}
