// Package parquetdata reads documents from a column of text in parquet files.
//
// # Columns
//
// A column is named by its path in the schema with dots: "text",
// "meta.content". The elements of a list are documents of their own, and the
// names that the format puts between a list and its elements may be left out:
// "messages.text" stands for "messages.list.element.text". The column must
// hold BYTE_ARRAY values that are strings or carry no other meaning. Without a
// name it is the first of "content", "text" and "code" that there is.
//
// Two more columns may be read along: one whose value groups documents, such
// as a repository's name, and one with their licence.
//
// # Values
//
// A value that is null, at any level of nesting, and an empty list are
// documents with Null set: a corpus.Pipeline counts them by that reason and
// goes on. Everything else is passed on as it is.
//
// # What is read
//
// Files are read in the order of their names, one after the other, and row
// groups and rows in theirs. In memory are the footer of one file and, of each
// column read, the current page and the chunk's dictionary; the size of row
// groups does not matter. Codecs: none, snappy, gzip, zstd, brotli, LZ4_RAW.
// Data pages: both versions, encodings PLAIN, dictionary,
// DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY.
//
// # Checks
//
// The library decodes nothing that was not looked at before, because it
// allocates what sizes in the file declare. The footer and every page header
// are walked here: a list must have as many elements as it says, a page must
// lie within its column chunk, a chunk within the file. Pages are decompressed
// here, too, to exactly the size that their header declares. Afterwards every
// page must have given as many values as its header says and every row group
// as many rows. All complaints about a file are a [*FormatError] with its name
// and the offset of the footer or the page in question; a panic of the library
// is one of them.
//
// A checksum is verified where the writer stored one. pyarrow stores none by
// default, so that a changed byte inside a page is noticed only if it breaks
// the compression or the structure.
//
// # Caveats
//
// Encrypted files are refused, and so are the codecs LZO and LZ4 with Hadoop's
// framing. Delta encodings declare their number of values inside the page,
// where it is not checked: a file made for that purpose can ask for gigabytes
// of memory.
package parquetdata
