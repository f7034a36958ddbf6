//! Those who do it, by the use cases.

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::memory::MemoryVault;
use crypt_keeper_domain::model::{CallContext, DocumentState, Scope, Serial};
use crypt_keeper_domain::ports::{DocumentChange, KeyVault};
use crypt_keeper_domain::usecase::{
    CancelDestruction, CompromiseKeys, CountDocuments, DestroyKeys, KeepUpKeys, ResumeKeys,
    RotateKeys, ScheduleDestruction, SuspendKeys,
};

use super::acts::{Act, Answer, World};
use super::{DAY, ROTATE_AFTER};
use crate::house::{House, Person, refusal};

/// The people of the house.
pub(super) struct People {
    pub(super) house: House,
    pub(super) alice: Person,
}

impl People {
    /// Does an act; new pairs are made in `vault`.
    pub(super) async fn act(
        &self,
        context: &CallContext,
        act: &Act,
        world: &World,
        vault: Arc<dyn KeyVault>,
    ) -> Answer {
        let house = &self.house;
        let (registry, entropy) = (house.store.clone(), house.entropy.clone());
        let create = house.create_key_pair_in(vault);
        match act {
            Act::Rotate => {
                let rotate = RotateKeys { create };
                let (scope, algorithm) = (Scope::Shared, MemoryVault::ALGORITHM);
                let answer = rotate.run(context, scope, algorithm).await;
                Answer::making(answer.map(|rotation| (true, Some(rotation.active))))
            }
            Act::Suspend(pair, successor) => {
                let suspend = SuspendKeys {
                    registry,
                    entropy,
                    successor: successor.then_some(create),
                };
                let answer = suspend.run(context, world.pair(*pair)).await;
                Answer::making(answer.map(|stopped| (stopped.changed, stopped.successor)))
            }
            Act::Compromise(pair, successor) => {
                let compromise = CompromiseKeys {
                    registry,
                    entropy,
                    successor: successor.then_some(create),
                };
                let answer = compromise.run(context, world.pair(*pair)).await;
                Answer::making(answer.map(|stopped| (stopped.changed, stopped.successor)))
            }
            Act::Resume(pair, resumed) => {
                let resume = ResumeKeys { registry, entropy };
                let answer = resume.run(context, world.pair(*pair), *resumed).await;
                Answer::of(answer.map(|step| step.changed))
            }
            Act::Schedule(pair, days) => {
                let schedule = ScheduleDestruction {
                    registry,
                    count: self.count(),
                    entropy,
                };
                let (serial, wait) = (world.pair(*pair), DAY * *days);
                let answer = schedule.run(context, serial, wait).await;
                Answer::of(answer.map(|step| step.changed))
            }
            Act::Cancel(pair) => {
                let cancel = CancelDestruction { registry, entropy };
                let answer = cancel.run(context, world.pair(*pair)).await;
                Answer::of(answer.map(|step| step.changed))
            }
            Act::Destroy(pair) => {
                let answer = self.destroy_keys().run(context, world.pair(*pair)).await;
                Answer::of(answer.map(|step| step.changed))
            }
            Act::KeepUp => {
                let keep_up = KeepUpKeys {
                    rotate: RotateKeys { create },
                    destroy: self.destroy_keys(),
                    algorithm: MemoryVault::ALGORITHM,
                    rotate_after: Some(ROTATE_AFTER),
                };
                let kept_up = keep_up.run(context).await.unwrap();
                assert!(kept_up.failures.is_empty(), "{kept_up:?}");
                let changed = !kept_up.rotations.is_empty() || !kept_up.destroyed.is_empty();
                let made = kept_up.rotations.iter().map(|one| one.active.serial);
                Answer {
                    made: made.collect(),
                    ..Answer::of(Ok(changed))
                }
            }
            Act::Upload => match house.upload(&self.alice, "x").await {
                Ok(grant) => Answer {
                    uploaded: Some(grant.id),
                    ..Answer::of(Ok(true))
                },
                Err(error) => Answer::of(Err(error)),
            },
            Act::DeleteDocuments(pair) => {
                let serial = world.pair(*pair);
                for document in world.documents.iter().filter(|one| one.under == serial) {
                    let deleted = DocumentChange::State(DocumentState::Deleted);
                    house.change_document(document.id, deleted).await;
                }
                Answer::of(Ok(true))
            }
            Act::Wait(hours) => {
                house.clock.advance(Duration::from_secs(3600) * *hours);
                Answer::of(Ok(true))
            }
            Act::Trespass(pair) => self.trespass(world.pair(*pair)).await,
            Act::During(..) => unreachable!("nobody is interrupted twice"),
        }
    }

    fn count(&self) -> CountDocuments {
        CountDocuments {
            store: self.house.store.clone(),
        }
    }

    fn destroy_keys(&self) -> DestroyKeys {
        DestroyKeys {
            registry: self.house.store.clone(),
            vault: self.house.vault.clone(),
            count: self.count(),
            entropy: self.house.entropy.clone(),
        }
    }

    async fn trespass(&self, serial: Serial) -> Answer {
        let context = self.house.of(&self.alice);
        let suspend = SuspendKeys {
            registry: self.house.store.clone(),
            entropy: self.house.entropy.clone(),
            successor: Some(self.house.create_key_pair()),
        };
        let answer = suspend.run(&context, serial).await;
        assert_eq!(refusal(answer), "Forbidden");
        let answer = self.destroy_keys().run(&context, serial).await;
        Answer::of(answer.map(|step| step.changed))
    }
}
