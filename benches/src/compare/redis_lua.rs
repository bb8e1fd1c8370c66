//! The baseline `redis-lua`: a script that checks, decrements and appends, called by
//! redis-benchmark.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::daemon::{Daemon, free_port, output};
use super::environment::{BenchEnv, LoadDuration};
use super::measured::Measured;
use super::turns::Target;
use crate::failure::Failure;

const ALLOCATE: &str = include_str!("../../redis-lua/allocate.lua");
/// redis-benchmark writes random numbers with twelve digits.
const STOCK: &str = "for sku = 0, ARGV[1] - 1 do \
                     redis.call('SET', 'stock:' .. string.format('%012d', sku), 1000000000) end";
const SKUS: &str = "10000";
/// Number of calls that estimate the rate; a multiple of every pipeline length.
const PROBE: u64 = 2_000;

/// How Redis persists its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// A log that is synced before each response.
    Always,
    /// A log that is synced every second.
    Everysec,
    /// No persistence.
    No,
}

/// A running server and its workload.
struct RedisLua<'s> {
    env: &'s BenchEnv,
    redis: Redis,
    script: String,
    pipelined: u32,
    /// Calls per second in the last run.
    per_second: f64,
    /// Number of calls so far.
    called: u64,
}

/// Starts a server for calls of the script from 64 connections, with this pipeline length.
pub fn begin(
    env: &BenchEnv,
    persistence: Persistence,
    pipelined: u32,
) -> Result<Box<dyn Target + '_>, Failure> {
    let redis = Redis::start(env.scratch.path(), persistence)?;
    redis.cli(&["EVAL", STOCK, "0", SKUS])?;
    let script = redis.cli(&["SCRIPT", "LOAD", ALLOCATE])?;
    let probed = redis.calls(&script, PROBE, pipelined)?;
    let (per_second, called) = (probed.per_second, PROBE);
    redis.server.pause()?;
    Ok(Box::new(RedisLua { env, redis, script, pipelined, per_second, called }))
}

impl Target for RedisLua<'_> {
    fn turn(&mut self) -> Result<Measured, Failure> {
        self.redis.server.resume()?;
        let LoadDuration { seconds, warmup } = self.env.turn();
        self.calls(warmup)?;
        let measured = self.calls(seconds)?;
        self.redis.server.pause()?;
        Ok(measured)
    }

    fn end(self: Box<Self>) -> Result<(), Failure> {
        self.redis.server.resume()?;
        let (stored, called) = (self.redis.cli(&["XLEN", "allocated"])?, self.called);
        if stored != called.to_string() {
            return Err(Failure::new(format!("the stream has {stored} lines, not {called}")));
        }
        self.redis.server.stop()
    }
}

impl RedisLua<'_> {
    /// Calls the script for about this number of seconds.
    fn calls(&mut self, seconds: f64) -> Result<Measured, Failure> {
        // redis-benchmark sends whole pipelines.
        let count = count(self.per_second * seconds).max(PROBE);
        let count = count.next_multiple_of(u64::from(self.pipelined));
        let measured = self.redis.calls(&self.script, count, self.pipelined)?;
        (self.per_second, self.called) = (measured.per_second, self.called + count);
        Ok(measured)
    }
}

/// A server on a new folder.
struct Redis {
    server: Daemon,
    port: String,
    _folder: TempDir,
}

impl Redis {
    fn start(scratch: &Path, persistence: Persistence) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("redis-lua-").tempdir_in(scratch)?;
        let port = free_port()?;
        let (appendonly, appendfsync) = match persistence {
            Persistence::Always => ("yes", "always"),
            Persistence::Everysec => ("yes", "everysec"),
            Persistence::No => ("no", "no"),
        };
        let mut server = Command::new("redis-server");
        server.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--dir"]);
        server.arg(folder.path()).args(["--appendonly", appendonly]);
        server.args(["--appendfsync", appendfsync, "--loglevel", "warning"]);
        let is_ready = || cli(&port, &["PING"]).is_ok_and(|response| response == "PONG");
        let server = Daemon::start_polled(server, is_ready)?;
        Ok(Self { server, port, _folder: folder })
    }

    fn cli(&self, arguments: &[&str]) -> Result<String, Failure> {
        cli(&self.port, arguments)
    }

    fn calls(&self, script: &str, count: u64, pipelined: u32) -> Result<Measured, Failure> {
        let mut bench = Command::new("redis-benchmark");
        bench.args(["-h", "127.0.0.1", "-p", &self.port, "-c", "64", "--csv", "-r", SKUS]);
        bench.args(["-n", &count.to_string(), "-P", &pipelined.to_string(), "EVALSHA", script]);
        bench.args(["2", "stock:__rand_int__", "allocated", "1", "order-__rand_int__"]);
        let printed = output(&mut bench)?;
        read(&printed)
            .ok_or_else(|| Failure::new(format!("unexpected output of redis-benchmark: {printed}")))
    }
}

fn cli(port: &str, arguments: &[&str]) -> Result<String, Failure> {
    let response = output(Command::new("redis-cli").args(["-e", "-p", port]).args(arguments))?;
    Ok(response.trim().to_owned())
}

/// The last line: name, calls per second, then average, minimum, p50, p95, p99 and maximum in ms.
fn read(printed: &str) -> Option<Measured> {
    let line = printed.trim().lines().last()?;
    let figures: Vec<&str> = line.rsplitn(8, ',').map(|it| it.trim_matches('"')).collect();
    let [_most, p99, _p95, p50, _least, _average, per_second, _name] = figures.as_slice() else {
        return None;
    };
    Some(Measured {
        per_second: per_second.parse().ok()?,
        p50_ms: p50.parse().ok(),
        p99_ms: p99.parse().ok(),
        ..Measured::default()
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number of calls in some seconds"
)]
fn count(calls: f64) -> u64 {
    calls as u64
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn the_output_of_redis_benchmark_is_parsed() {
        let printed = "\"test\",\"rps\",\"avg\",\"min\",\"p50\",\"p95\",\"p99\",\"max\"\n\
            \"EVALSHA a 2 b, c\",\"1234.50\",\"0.9\",\"0.1\",\"0.8\",\"1.2\",\"2.5\",\"9.0\"\n";
        let measured = read(printed).unwrap();
        assert!((measured.per_second - 1234.5).abs() < 0.001);
        assert_eq!((measured.p50_ms, measured.p99_ms), (Some(0.8), Some(2.5)));
        assert!(read("Error").is_none());
    }
}
