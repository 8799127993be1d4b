//! Notes of what this process drives, for the next one: it finds them only if this one died.
//!
//! A note is an empty file in a folder of the pod, which outlives the container and not the pod, so none costs a request. A process
//! that ends in order, or begins itself again since it lost its lease, removes them; the next process of the pod that finds some writes
//! them into the record of deaths (ConfigMap [`names::DEATHS`]). `shadow_core::aside` says what follows from that record.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{fs, io};

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use shadow_core::api::StatefulMigration;
use shadow_core::aside::{Death, Driven, Standing, standing, with};
use shadow_core::names;
use tokio::sync::MutexGuard;

use crate::error::ControllerError;

/// Names the folder.
const FOLDER: &str = "SHADOW_NOTES";
const USUAL: &str = "/run/shadow-controller";
/// Key in the ConfigMap.
const RECORD: &str = "deaths";

/// See the module.
#[derive(Default)]
pub struct Notes {
    folder: PathBuf,
    noted: Mutex<HashSet<Driven>>,
    deaths: Mutex<Vec<Death>>,
    alone: tokio::sync::Mutex<()>,
}

/// The folder of this pod.
pub fn folder() -> PathBuf {
    std::env::var_os(FOLDER).map_or_else(|| PathBuf::from(USUAL), PathBuf::from)
}

/// Removes all notes: what follows is no death.
pub fn clear() {
    match found(&folder()) {
        Ok(notes) => notes.iter().for_each(|note| remove(&folder(), note)),
        Err(error) => tracing::debug!(%error, "no notes to remove"),
    }
}

/// Writes the death of the process before this one into the record, if it left notes.
pub async fn bury(client: &Client) -> Result<(), ControllerError> {
    let folder = folder();
    let drove = match found(&folder) {
        Ok(notes) => notes,
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "nothing can be noted, so no migration is ever set aside");
            return Ok(());
        }
    };
    if drove.is_empty() {
        return Ok(());
    }
    tracing::error!(
        drove = drove.iter().map(Driven::as_str).collect::<Vec<_>>().join(", "),
        "the process before this one died while it drove these migrations"
    );
    let death = Death {
        at: Time(Timestamp::now()),
        drove: drove.clone(),
    };
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), names::SYSTEM_NAMESPACE);
    let known = api.get_opt(names::DEATHS).await?;
    let deaths = with(known.as_ref().map(read).unwrap_or_default(), death);
    let text =
        serde_json::to_string(&deaths).map_err(|error| ControllerError::Malformed(error.to_string()))?;
    let mut record = known.clone().unwrap_or_default();
    record.metadata.name = Some(names::DEATHS.to_owned());
    record.data = Some([(RECORD.to_owned(), text)].into());
    match known {
        Some(_) => {
            api.replace(names::DEATHS, &PostParams::default(), &record)
                .await?
        }
        None => api.create(&PostParams::default(), &record).await?,
    };
    drove.iter().for_each(|note| remove(&folder, note));
    Ok(())
}

impl Notes {
    /// Notes of this process.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self {
            folder,
            ..Self::default()
        }
    }

    /// Reads the record of deaths; also of those of other pods, and that somebody has deleted it.
    pub async fn learn(&self, client: &Client) -> Result<(), ControllerError> {
        let api: Api<ConfigMap> = Api::namespaced(client.clone(), names::SYSTEM_NAMESPACE);
        let record = api.get_opt(names::DEATHS).await?;
        *self.deaths.lock().unwrap_or_else(PoisonError::into_inner) =
            record.as_ref().map(read).unwrap_or_default();
        Ok(())
    }

    /// How it is to be driven.
    pub fn standing(&self, migration: &StatefulMigration) -> Standing {
        let deaths = self.deaths.lock().unwrap_or_else(PoisonError::into_inner);
        match Driven::of(migration).filter(|_| !deaths.is_empty()) {
            Some(driven) => standing(&deaths, &driven),
            None => Standing::Free,
        }
    }

    /// Held by the one suspect that is driven.
    pub async fn alone(&self) -> MutexGuard<'_, ()> {
        self.alone.lock().await
    }

    /// It is driven from now on. Where that cannot be noted, it is driven all the same.
    pub fn note(&self, migration: &StatefulMigration) {
        let Some(driven) = Driven::of(migration) else {
            return;
        };
        let is_new = self.noted().insert(driven.clone());
        if is_new && let Err(error) = fs::File::create(self.folder.join(driven.as_str())) {
            tracing::debug!(note = driven.as_str(), %error, "not noted");
        }
    }

    /// It is not driven any more.
    pub fn forget(&self, migration: &StatefulMigration) {
        let Some(uid) = &migration.metadata.uid else {
            return;
        };
        let of_it = |driven: &Driven| driven.as_str().rsplit_once('.').is_some_and(|(of, _)| of == uid);
        let mut noted = self.noted();
        let over: Vec<Driven> = noted.iter().filter(|driven| of_it(driven)).cloned().collect();
        for driven in over {
            remove(&self.folder, &driven);
            noted.remove(&driven);
        }
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, HashSet<Driven>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn found(folder: &Path) -> io::Result<BTreeSet<Driven>> {
    let mut notes = BTreeSet::new();
    for file in fs::read_dir(folder)? {
        let name = file?.file_name();
        notes.extend(name.to_str().and_then(Driven::read));
    }
    Ok(notes)
}

fn remove(folder: &Path, note: &Driven) {
    if let Err(error) = fs::remove_file(folder.join(note.as_str())) {
        tracing::debug!(note = note.as_str(), %error, "the note was not there");
    }
}

/// A record that cannot be read is begun anew.
fn read(record: &ConfigMap) -> Vec<Death> {
    let text = record.data.as_ref().and_then(|data| data.get(RECORD));
    let read = text.map(|text| serde_json::from_str(text));
    match read {
        Some(Ok(deaths)) => deaths,
        Some(Err(error)) => {
            tracing::warn!(%error, "the record of deaths cannot be read and is begun anew");
            Vec::new()
        }
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn migration(uid: &str, generation: i64) -> StatefulMigration {
        serde_json::from_value(json!({
            "apiVersion": "migration.ms2m.io/v1alpha1", "kind": "StatefulMigration",
            "metadata": {"name": "m", "namespace": "shop", "uid": uid, "generation": generation},
            "spec": {"sourcePod": "orders-0"},
        }))
        .unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let notes = found(folder).unwrap();
        notes.iter().map(|note| note.as_str().to_owned()).collect()
    }

    #[test]
    fn what_is_driven_is_noted_until_it_is_forgotten_also_after_its_user_changed_it() {
        let folder = tempfile::tempdir().unwrap();
        let notes = Notes::in_folder(folder.path().to_owned());
        notes.note(&migration("a", 1));
        notes.note(&migration("a", 1));
        notes.note(&migration("a", 2));
        notes.note(&migration("b", 1));
        assert_eq!(names(folder.path()), ["a.1", "a.2", "b.1"]);
        notes.forget(&migration("a", 2));
        assert_eq!(names(folder.path()), ["b.1"]);
        // The next process finds what was driven.
        drop(notes);
        assert_eq!(names(folder.path()), ["b.1"]);
    }

    #[test]
    fn a_folder_that_is_not_there_keeps_no_migration_from_being_driven() {
        let notes = Notes::in_folder(PathBuf::from("/nowhere/at/all"));
        notes.note(&migration("a", 1));
        assert_eq!(notes.standing(&migration("a", 1)), Standing::Free);
    }

    #[test]
    fn the_record_decides_and_a_spoiled_one_sets_nothing_aside() {
        let record = |text: &str| ConfigMap {
            data: Some([(RECORD.to_owned(), text.to_owned())].into()),
            ..ConfigMap::default()
        };
        assert!(read(&record("{")).is_empty());
        assert!(read(&ConfigMap::default()).is_empty());
        let died = json!([{"at": "2026-11-30T10:00:00Z", "drove": ["a.1"]}, {"at": "2026-11-30T10:01:00Z", "drove": ["a.1", "b.1"]}]);
        let notes = Notes::default();
        *notes.deaths.lock().unwrap() = read(&record(&died.to_string()));
        assert_eq!(notes.standing(&migration("a", 1)), Standing::Aside);
        assert_eq!(notes.standing(&migration("a", 2)), Standing::Free);
        assert_eq!(notes.standing(&migration("b", 1)), Standing::Free);
    }
}
