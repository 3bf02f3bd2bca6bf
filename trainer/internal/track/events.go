package track

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the checksum of the TFRecord format.
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// appendRecord frames a message as a TFRecord.
func appendRecord(dst, message []byte) []byte {
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(message)))
	dst = append(dst, length[:]...)
	dst = binary.LittleEndian.AppendUint32(dst, masked(length[:]))
	dst = append(dst, message...)
	return binary.LittleEndian.AppendUint32(dst, masked(message))
}

// Protocol buffer encoding: a field is a varint of number<<3 | wire type,
// followed by its value.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

func appendVarint(b []byte, field int, v uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(field<<3|wireVarint)), v)
}

func appendDouble(b []byte, field int, v float64) []byte {
	return binary.LittleEndian.AppendUint64(binary.AppendUvarint(b, uint64(field<<3|wireFixed64)), math.Float64bits(v))
}

func appendFloat(b []byte, field int, v float32) []byte {
	return binary.LittleEndian.AppendUint32(binary.AppendUvarint(b, uint64(field<<3|wireFixed32)), math.Float32bits(v))
}

func appendBytes[T ~string | ~[]byte](b []byte, field int, v T) []byte {
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(field<<3|wireBytes)), uint64(len(v)))
	return append(b, v...)
}

// event begins an Event: wall_time = 1, step = 2.
func event(at time.Time, step int) []byte {
	b := appendDouble(nil, 1, float64(at.UnixMicro())/1e6)
	if step > 0 {
		b = appendVarint(b, 2, uint64(step))
	}
	return b
}

// versionEvent is the first event of a file: file_version = 3.
func versionEvent(at time.Time) []byte {
	return appendBytes(event(at, 0), 3, "brain.Event:2")
}

// sessionEvent marks a start at which readers drop later steps: session_log = 7
// with status = 1, START = 1.
func sessionEvent(at time.Time, step int) []byte {
	return appendBytes(event(at, step), 7, appendVarint(nil, 1, 1))
}

// scalarEvent holds values: summary = 5 of value = 1 with tag = 1 and
// simple_value = 2.
func scalarEvent(at time.Time, step int, values Values) []byte {
	var summary []byte
	for _, name := range slices.Sorted(maps.Keys(values)) {
		summary = appendBytes(summary, 1, appendFloat(appendBytes(nil, 1, name), 2, float32(values[name])))
	}
	return appendBytes(event(at, step), 5, summary)
}

// textEvent holds a text for TensorBoard's text plugin: a value with tag = 1,
// tensor = 8 (dtype = 1 string, tensor_shape = 2 of one dim of size 1,
// string_val = 8) and metadata = 9 (plugin_data = 1 with plugin_name = 1).
func textEvent(at time.Time, step int, tag, text string) []byte {
	const typeString = 7
	shape := appendBytes(nil, 2, appendVarint(nil, 1, 1))
	tensor := appendBytes(appendBytes(appendVarint(nil, 1, typeString), 2, shape), 8, text)
	metadata := appendBytes(nil, 1, appendBytes(nil, 1, "text"))
	value := appendBytes(appendBytes(appendBytes(nil, 1, tag), 8, tensor), 9, metadata)
	return appendBytes(event(at, step), 5, appendBytes(nil, 1, value))
}

// events writes an event file.
type events struct {
	file *os.File
}

// createEvents begins a new event file in dir; a run may have several.
func createEvents(dir string, at time.Time) (*events, error) {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	for n := 0; ; n++ {
		name := fmt.Sprintf("events.out.tfevents.%010d.%s.%d.%d", at.Unix(), filepath.Base(host), os.Getpid(), n)
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o644)
		if os.IsExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &events{f}, (&events{f}).add(versionEvent(at))
	}
}

func (e *events) add(message []byte) error {
	_, err := e.file.Write(appendRecord(nil, message))
	return err
}

func (e *events) sync() error { return e.file.Sync() }

func (e *events) close() error { return e.file.Close() }
