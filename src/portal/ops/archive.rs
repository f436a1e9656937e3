//! Packs files into a reproducible ZIP: the same files give the same bytes. Stored without
//! compression, because the files are small.

use std::io::{Cursor, Write};

use zip::{CompressionMethod, DateTime, ZipWriter, result::ZipResult, write::SimpleFileOptions};

/// Packs (name, text) pairs.
pub fn pack(files: &[(String, String)]) -> ZipResult<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        archive.start_file(name.as_str(), options)?;
        archive.write_all(text.as_bytes())?;
    }
    Ok(archive.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_same_files_give_the_same_bytes_and_can_be_read_again() {
        let files =
            [("a/é.json".to_owned(), "{}\n".to_owned()), ("b.json".to_owned(), "x".repeat(70_000))];
        let packed = pack(&files).unwrap();
        assert_eq!(packed, pack(&files).unwrap());
        let mut archive = zip::ZipArchive::new(Cursor::new(packed)).unwrap();
        for (position, (name, text)) in files.iter().enumerate() {
            let mut file = archive.by_index(position).unwrap();
            let mut read = String::new();
            file.read_to_string(&mut read).unwrap();
            assert_eq!((file.name().unwrap().as_ref(), &read), (name.as_str(), text));
        }
    }
}
