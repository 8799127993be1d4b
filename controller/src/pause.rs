//! The pause of all moves, as this process knows it. Moves that wait share a look that is a moment old, however many they are; a
//! move that begins looks again.

use std::time::{Duration, Instant};

use kube::{Api, Client};
use shadow_core::api::{Pause, pause};
use shadow_core::pause::Paused;
use tokio::sync::Mutex;

/// Those that wait look again after this time.
const FRESH: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Default)]
pub struct Pauses {
    seen: Mutex<Option<(Instant, Option<Paused>)>>,
}

impl Pauses {
    /// For one that waits. A look that fails is an error: nothing begins on a guess.
    pub async fn seen(&self, client: &Client) -> Result<Option<Paused>, kube::Error> {
        // Held during the look, so that all that wait ask once.
        let mut seen = self.seen.lock().await;
        if let Some((at, paused)) = &*seen
            && at.elapsed() < FRESH
        {
            return Ok(paused.clone());
        }
        let paused = look(client).await?;
        *seen = Some((Instant::now(), paused.clone()));
        Ok(paused)
    }
}

/// For one that begins. A cluster that does not know the kind yet is not paused.
pub async fn look(client: &Client) -> Result<Option<Paused>, kube::Error> {
    let api: Api<Pause> = Api::all(client.clone());
    Ok(api.get_opt(pause::ONLY).await?.map(Paused::from))
}
