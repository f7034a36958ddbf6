use async_trait::async_trait;
use crypt_keeper_domain::model::Serial;
use crypt_keeper_domain::ports::{PrivateKeys, SealedPrivateHalf, StoreError};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;

use super::super::KeyStore;
use super::Done;
use crate::schema::private_keys;

#[async_trait]
impl PrivateKeys for KeyStore {
    async fn put(&self, serial: Serial, sealed: &SealedPrivateHalf) -> Result<(), StoreError> {
        let sealed = sealed.as_bytes().to_vec();
        self.write(move |conn| {
            async move {
                let row = (
                    private_keys::serial.eq(serial.as_i64()),
                    private_keys::sealed.eq(sealed),
                );
                diesel::insert_into(private_keys::table)
                    .values(row)
                    .execute(conn)
                    .await?;
                Ok(Done::Keep(()))
            }
            .boxed()
        })
        .await
    }

    async fn get(&self, serial: Serial) -> Result<Option<SealedPrivateHalf>, StoreError> {
        self.read(move |conn| {
            async move {
                let sealed = private_keys::table
                    .find(serial.as_i64())
                    .select(private_keys::sealed)
                    .first(conn)
                    .await
                    .optional()?;
                Ok(sealed.map(SealedPrivateHalf::new))
            }
            .boxed()
        })
        .await
    }

    async fn serials(&self) -> Result<Vec<Serial>, StoreError> {
        self.read(move |conn| {
            async move {
                let numbers: Vec<i64> = private_keys::table
                    .order(private_keys::serial.asc())
                    .select(private_keys::serial)
                    .load(conn)
                    .await?;
                Ok(numbers
                    .into_iter()
                    .map(crate::rows::serial)
                    .collect::<Result<_, _>>()?)
            }
            .boxed()
        })
        .await
    }

    async fn replace(
        &self,
        serial: Serial,
        seen: &SealedPrivateHalf,
        sealed: &SealedPrivateHalf,
    ) -> Result<bool, StoreError> {
        let (seen, sealed) = (seen.as_bytes().to_vec(), sealed.as_bytes().to_vec());
        self.write(move |conn| {
            async move {
                let replaced = diesel::update(private_keys::table.find(serial.as_i64()))
                    .filter(private_keys::sealed.eq(seen))
                    .set(private_keys::sealed.eq(sealed))
                    .execute(conn)
                    .await?;
                Ok(Done::Keep(replaced > 0))
            }
            .boxed()
        })
        .await
    }

    async fn erase(&self, serial: Serial) -> Result<(), StoreError> {
        self.write(move |conn| {
            async move {
                diesel::delete(private_keys::table.find(serial.as_i64()))
                    .execute(conn)
                    .await?;
                Ok(Done::Keep(()))
            }
            .boxed()
        })
        .await
    }
}
