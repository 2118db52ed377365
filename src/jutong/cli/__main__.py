from jutong.cli import main

main()
