//! Heartbeats that the broker agreed on with a pod: it closes a connection that is silent for one to two of them.

use super::{Broker, BrokerError};

impl Broker {
    /// Seconds, one for each connection from these addresses; 0 where none was agreed on. A connection of which the broker does
    /// not tell it, since its statistics have not come yet, is left out.
    ///
    /// # Errors
    /// Without a management address, or when it does not answer.
    pub async fn heartbeats_at(&self, addresses: &[String]) -> Result<Vec<u32>, BrokerError> {
        let management = self.management("list the connections of a pod")?;
        let mut found = Vec::new();
        for address in addresses {
            let page = management.connections_from(address).await?;
            let of_pod = page.items.iter().filter(|one| one.peer_host == *address);
            found.extend(of_pod.filter_map(|connection| connection.timeout));
        }
        Ok(found)
    }
}
