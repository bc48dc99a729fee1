# launch.tcl SCRIPT: the script among the commands beside this file; an error ends as Vivado's would.
source [file join [file dirname [file normalize [info script]]] vivado.tcl]
set script [lindex $argv 0]
note script [file tail $script]
if {[catch {source $script} text]} { puts "ERROR: $text"; exit 1 }
