//! A blob store on Amazon S3 and its kin.
