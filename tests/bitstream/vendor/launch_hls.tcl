# launch_hls.tcl SCRIPT: the script among the commands beside this file; an error ends as the real one would.
source [file join [file dirname [file normalize [info script]]] hls.tcl]
if {[catch {source [lindex $argv 0]} text]} { puts "ERROR: $text"; exit 1 }
