package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// KV is a key of the metadata and its value: a uint8, int8, uint16, int16, uint32,
// int32, uint64, int64, float32, float64, bool or string, or a slice of one of
// these. The Go type is the type in the file.
type KV struct {
	Key   string
	Value any
}

// The numbers of value types in files.
const (
	typeUint8 = iota
	typeInt8
	typeUint16
	typeInt16
	typeUint32
	typeInt32
	typeFloat32
	typeBool
	typeString
	typeArray
	typeUint64
	typeInt64
	typeFloat64
)

// elementSize is the least number of bytes that a value takes, 0 for an unknown
// type.
func elementSize(kind uint32) int64 {
	switch kind {
	case typeUint8, typeInt8, typeBool:
		return 1
	case typeUint16, typeInt16:
		return 2
	case typeUint32, typeInt32, typeFloat32:
		return 4
	case typeUint64, typeInt64, typeFloat64, typeString:
		return 8
	}
	return 0
}

// appendValue appends the type and the bytes of a value of KV.
func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case uint8:
		return append(appendType(b, typeUint8), v), nil
	case int8:
		return append(appendType(b, typeInt8), uint8(v)), nil
	case uint16:
		return le.AppendUint16(appendType(b, typeUint16), v), nil
	case int16:
		return le.AppendUint16(appendType(b, typeInt16), uint16(v)), nil
	case uint32:
		return le.AppendUint32(appendType(b, typeUint32), v), nil
	case int32:
		return le.AppendUint32(appendType(b, typeInt32), uint32(v)), nil
	case float32:
		return le.AppendUint32(appendType(b, typeFloat32), math.Float32bits(v)), nil
	case bool:
		return appendBool(appendType(b, typeBool), v), nil
	case string:
		return appendString(appendType(b, typeString), v), nil
	case uint64:
		return le.AppendUint64(appendType(b, typeUint64), v), nil
	case int64:
		return le.AppendUint64(appendType(b, typeInt64), uint64(v)), nil
	case float64:
		return le.AppendUint64(appendType(b, typeFloat64), math.Float64bits(v)), nil
	}
	return appendArray(appendType(b, typeArray), v)
}

var le = binary.LittleEndian

func appendType(b []byte, kind uint32) []byte { return le.AppendUint32(b, kind) }

func appendString(b []byte, s string) []byte {
	return append(le.AppendUint64(b, uint64(len(s))), s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// appendArray appends the element type, the count and the elements.
func appendArray(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case []uint8:
		return appendElements(b, typeUint8, v, func(b []byte, e uint8) []byte { return append(b, e) }), nil
	case []int8:
		return appendElements(b, typeInt8, v, func(b []byte, e int8) []byte { return append(b, uint8(e)) }), nil
	case []uint16:
		return appendElements(b, typeUint16, v, le.AppendUint16), nil
	case []int16:
		return appendElements(b, typeInt16, v, func(b []byte, e int16) []byte { return le.AppendUint16(b, uint16(e)) }), nil
	case []uint32:
		return appendElements(b, typeUint32, v, le.AppendUint32), nil
	case []int32:
		return appendElements(b, typeInt32, v, func(b []byte, e int32) []byte { return le.AppendUint32(b, uint32(e)) }), nil
	case []float32:
		return appendElements(b, typeFloat32, v, func(b []byte, e float32) []byte { return le.AppendUint32(b, math.Float32bits(e)) }), nil
	case []bool:
		return appendElements(b, typeBool, v, appendBool), nil
	case []string:
		return appendElements(b, typeString, v, appendString), nil
	case []uint64:
		return appendElements(b, typeUint64, v, le.AppendUint64), nil
	case []int64:
		return appendElements(b, typeInt64, v, func(b []byte, e int64) []byte { return le.AppendUint64(b, uint64(e)) }), nil
	case []float64:
		return appendElements(b, typeFloat64, v, func(b []byte, e float64) []byte { return le.AppendUint64(b, math.Float64bits(e)) }), nil
	}
	return nil, fmt.Errorf("a value of type %T cannot be stored", v)
}

func appendElements[E any](b []byte, kind uint32, v []E, add func(b []byte, e E) []byte) []byte {
	b = le.AppendUint64(le.AppendUint32(b, kind), uint64(len(v)))
	for _, e := range v {
		b = add(b, e)
	}
	return b
}
