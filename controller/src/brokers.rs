//! The brokers that are connected: one for each address that a migration names, as long as it is used.
//!
//! Guarantee: however many addresses migrations name, few brokers are kept. Each costs a thread and half a megabyte.
//! No decision rests on it; losing one costs a reconnect.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use shadow_dialling::Guard;

use crate::broker::{Broker, BrokerAddress, BrokerError, Origin};

/// As many are kept; one more, and the one that was not used for the longest time is let go. Who uses it keeps it until then.
const KEPT: usize = 16;
/// One that no migration asked for so long is disconnected. A changed password makes another address.
const IDLE: Duration = Duration::from_secs(60);
/// How often that is looked at.
const SWEEP: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub struct Brokers {
    kept: Mutex<HashMap<Named, Kept>>,
    guard: Guard,
}

/// An address, and where it was named, which its errors say.
type Named = (BrokerAddress, Origin);

#[derive(Debug)]
struct Kept {
    used: Instant,
    broker: Arc<Broker>,
}

impl Brokers {
    /// None yet; what is dialled goes by this guard.
    pub fn new(guard: Guard) -> Self {
        Self {
            kept: Mutex::default(),
            guard,
        }
    }

    /// The broker at an address, connected if it is not yet; at most 3 s.
    pub async fn at(&self, address: BrokerAddress, origin: Origin) -> Result<Arc<Broker>, BrokerError> {
        let named = (address, origin);
        if let Some(broker) = self.known(&named) {
            return Ok(broker);
        }
        let broker = Arc::new(Broker::connect_to(&named.0, &named.1, &self.guard).await?);
        self.keep(named, Arc::clone(&broker));
        Ok(broker)
    }

    /// Lets go of brokers that were not used for a while. Never returns.
    pub async fn sweep(&self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            self.locked(|kept| kept.retain(|_, kept| kept.used.elapsed() < IDLE));
        }
    }

    /// The same, if it is connected: for who only looks, and may not make another connection.
    pub fn connected(&self, address: BrokerAddress, origin: Origin) -> Option<Arc<Broker>> {
        self.known(&(address, origin))
    }

    fn known(&self, named: &Named) -> Option<Arc<Broker>> {
        self.locked(|kept| {
            let kept = kept.get_mut(named)?;
            kept.used = Instant::now();
            Some(Arc::clone(&kept.broker))
        })
    }

    fn keep(&self, named: Named, broker: Arc<Broker>) {
        let used = Instant::now();
        self.locked(|kept| {
            kept.insert(named, Kept { used, broker });
            if kept.len() > KEPT
                && let Some(oldest) = kept
                    .iter()
                    .min_by_key(|(_, kept)| kept.used)
                    .map(|(at, _)| at.clone())
            {
                kept.remove(&oldest);
            }
        });
    }

    fn locked<T>(&self, work: impl FnOnce(&mut HashMap<Named, Kept>) -> T) -> T {
        work(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
