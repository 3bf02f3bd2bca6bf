// Command trainer composes the workspace's libraries into one program.
package main

func main() {}
